import { z } from 'zod';
import { CONTEXT_TYPES, contextName, PARAM_TYPES, type ParamSpec, parseParam } from './params.js';
import { parseThreshold } from './threshold.js';

const identifier = z.string().regex(/^[a-z][a-z0-9_]*$/, 'expected lower case letters, digits and _ (a letter first)');
const text = z.string().trim().min(1, 'must not be empty');
const level = z.enum(['pass', 'warn', 'error']);

const threshold = z.string('expected one comparison in quotes, such as "> 0"').transform((source, context) => {
  try {
    return parseThreshold(source);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const names = z.array(text).refine((list) => new Set(list).size === list.length, 'the same name is listed twice');

const bound = z.union([z.number(), z.string()]);
const param = z
  .strictObject({
    type: z.enum(PARAM_TYPES),
    default: z.union([z.string(), z.number(), z.boolean()]).optional(),
    min: bound.optional(),
    max: bound.optional(),
    values: z.array(z.string()).min(1).optional(),
    description: text.optional(),
  })
  .superRefine((spec, context) => {
    for (const [key, message] of paramProblems(spec)) context.addIssue({ code: 'custom', path: [key], message });
  });

function* paramProblems(spec: ParamSpec): Generator<[string, string]> {
  const ordered = ['integer', 'number', 'date'].includes(spec.type);
  for (const key of ['min', 'max'] as const) {
    if (spec[key] === undefined) continue;
    if (!ordered) yield [key, `a parameter of type ${spec.type} has no ${key}`];
    else yield* problemOf(key, { type: spec.type }, spec[key]);
  }
  if (spec.values !== undefined && spec.type !== 'text') yield ['values', 'only a text parameter lists its values'];
  const name = contextName(spec.default);
  if (name === undefined) {
    if (spec.default !== undefined) yield* problemOf('default', spec, spec.default);
  } else if (!Object.hasOwn(CONTEXT_TYPES, name)) {
    yield [
      'default',
      `"$${name}" is not known; known: ${Object.keys(CONTEXT_TYPES)
        .map((k) => `$${k}`)
        .join(', ')}`,
    ];
  } else if (CONTEXT_TYPES[name as keyof typeof CONTEXT_TYPES] !== spec.type) {
    yield [
      'default',
      `"$${name}" is a ${CONTEXT_TYPES[name as keyof typeof CONTEXT_TYPES]}, the parameter a ${spec.type}`,
    ];
  }
}

function* problemOf(key: string, spec: ParamSpec, value: string | number | boolean): Generator<[string, string]> {
  try {
    parseParam(spec, value);
  } catch (error) {
    yield [key, (error as Error).message];
  }
}

const fields = z.strictObject({
  name: identifier,
  version: z.int().min(1),
  title: text,
  description: text.optional(),
  severity: z.enum(['error', 'warn', 'info']),
  result: z.enum(['metric', 'rows']),
  grain: names.optional(),
  warn: threshold.optional(),
  error: threshold.optional(),
  on_empty: level.optional(),
  on_null: level.optional(),
  unit: z.string().optional(),
  chart: z.enum(['none', 'line', 'bar', 'heatmap', 'table']).optional(),
  dimension: z
    .enum(['accuracy', 'completeness', 'conformity', 'consistency', 'coverage', 'timeliness', 'uniqueness'])
    .optional(),
  params: z.record(identifier, param).default({}),
  tags: names.default([]),
  owner: text.optional(),
  runbook: text.optional(),
  samples: z.int().min(0).max(1000).default(20),
  redact: names.default([]),
  tables: names.optional(),
  timeout_seconds: z.number().positive().max(86_400).optional(),
});

/**
 * The front matter of a check file, strict: an unknown key is an error.
 * Source: the check file format, docs/checks.md.
 */
export const frontMatterSchema = fields.superRefine((check, context) => {
  const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
  if (check.result === 'rows') {
    for (const key of ['grain', 'on_empty', 'on_null'] as const) {
      if (check[key] !== undefined) problem(key, 'belongs to "result: metric"; rows are counted as a whole');
    }
  }
  if (check.grain?.includes('value')) problem('grain', '"value" is the measured column and cannot be grain');
  if (check.severity !== 'info' && check.warn === undefined && check.error === undefined) {
    problem('severity', `a check of severity ${check.severity} needs "warn" or "error", or it could never fire`);
  }
});

export type FrontMatter = z.output<typeof frontMatterSchema>;

/** The keys that may stand at a path of the front matter, for "did you mean". */
export function keysAt(path: readonly PropertyKey[]): string[] {
  return path.length === 0 ? Object.keys(fields.shape) : Object.keys(param.shape);
}

/** JSON Schema of the front matter, for editors. */
export function checkJsonSchema(): object {
  return z.toJSONSchema(fields, { io: 'input' });
}
