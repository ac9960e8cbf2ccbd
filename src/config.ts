import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { EXIT, LakeError, messageOf } from './base/lake-error.js';
import { didYouMean, findNearest } from './base/nearest.js';
import { dateTopLevelShape } from './ingest/config/dates-schema.js';
import { connectionsSchema, readTransform, sourcesSchema } from './ingest/config/source-config.js';

/** The columns of the compound key, in order. */
const COMPOUND_KEY = ['source_repo', 'file_path', 'file_sha'] as const;

const path = z.string().trim().min(1, { error: 'must not be empty' });

const configSchema = z
  .strictObject({
    lake: path.describe('The folder of the lake, relative to this file'),
    key: z
      .union(
        [
          z.literal('file_sha'),
          z.tuple([z.literal('file_sha')]),
          z.tuple(COMPOUND_KEY.map((c) => z.literal(c)) as never),
        ],
        {
          error: 'must be file_sha or [source_repo, file_path, file_sha]',
        },
      )
      .describe('What identifies a canonical row'),
    batch_size: z.int().min(1).describe('Manifests per commit'),
    strict: z.boolean().describe('Any rejected manifest fails the run before anything is written'),
    merge_sql: path.describe('A MERGE statement that replaces the built-in one'),
    output: z.enum(['table', 'json', 'ndjson', 'csv', 'markdown']).describe('Form of results on stdout'),
    progress: z.enum(['auto', 'bar', 'log', 'none']).describe('Progress on stderr'),
    log_format: z.enum(['text', 'json']).describe('Form of the messages on stderr'),
    checks: z
      .strictObject({
        folder: path.describe('Folder with checks of your own'),
        fail_on: z.enum(['error', 'warn', 'never']).describe('The level from which `check run` ends with exit code 1'),
      })
      .partial(),
    jobs: z.int().min(1).max(64).describe('Sources that `ingest` works on at the same time'),
    ...dateTopLevelShape,
    connections: connectionsSchema.describe('Databases and SFTP servers, by name'),
    sources: sourcesSchema.describe('What `ingest` takes, by name'),
  })
  .partial()
  .superRefine(({ connections = {}, sources = {} }, context) => {
    for (const [name, { connection }] of Object.entries(sources)) {
      if (connection === undefined || Object.hasOwn(connections, connection)) continue;
      const message = `there is no connection "${connection}": ${didYouMean(connection, Object.keys(connections))}`;
      context.addIssue({ code: 'custom', path: ['sources', name, 'connection'], message });
    }
  });

/** The configuration as written; references to secrets are not resolved. */
export type Config = z.infer<typeof configSchema>;

export interface LoadedConfig {
  /** The file it came from. */
  readonly file: string;
  readonly values: Config;
}

/** One thing that is wrong in a configuration file. Line and column start at 1; null where the file has none (`.ts`). */
export interface ConfigProblem {
  readonly line: number | null;
  readonly column: number | null;
  readonly field: string | null;
  readonly message: string;
  readonly hint?: string;
}

export type ConfigResult = { readonly config: Config } | { readonly problems: readonly ConfigProblem[] };

/** Reads and checks a configuration file. Rejects with a `LakeError` of code `CONFIG` (exit code 2) that names line and column. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const { result } = await readConfigFile(file);
  if ('config' in result) return { file, values: result.config };
  const [first, ...others] = result.problems;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new LakeError('CONFIG', `${first?.message ?? 'the configuration is wrong'}${more}`, {
    place: [file, first?.line, first?.column].filter((part) => part !== null && part !== undefined).join(':'),
    hint: first?.hint ?? `lakeledger validate ${file}`,
    exitCode: EXIT.usage,
  });
}

/** Everything that is wrong in a configuration file, files that it names and are not there included. Rejects when it cannot be read. */
export async function validateConfigFile(file: string): Promise<readonly ConfigProblem[]> {
  const { result, source } = await readConfigFile(file);
  if ('problems' in result) return result.problems;
  const problems: ConfigProblem[] = [];
  for (const [name, { transform }] of Object.entries(result.config.sources ?? {})) {
    if (transform === undefined || hasReference(transform)) continue;
    const place = ['sources', name, 'transform'];
    try {
      await readTransform(resolve(dirname(file), transform));
    } catch (error) {
      problems.push({ ...position(source, place, 'value'), field: place.join('.'), message: messageOf(error) });
    }
  }
  return problems;
}

/** Checks the text of a YAML or JSON configuration. */
export function parseConfig(text: string): ConfigResult {
  return parseText(text).result;
}

interface Source {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** What was found, and the text it was found in (a program has none). */
interface Checked {
  readonly result: ConfigResult;
  readonly source: Source | undefined;
}

async function readConfigFile(file: string): Promise<Checked> {
  if (extname(file) === '.ts') return { result: checkValue(await importConfig(file), undefined), source: undefined };
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new LakeError('CONFIG', `cannot read the configuration: ${messageOf(error)}`, {
      place: file,
      exitCode: EXIT.usage,
      cause: error,
    });
  }
  return parseText(text);
}

function parseText(text: string): Checked {
  const lines = new LineCounter();
  // YAML 1.2 contains JSON, and this parser knows where everything stands.
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false });
  const source = { document, lines };
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    const problems = broken.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { line, column: col, field: null, message: error.message };
    });
    return { result: { problems }, source };
  }
  return { result: checkValue(document.toJS() ?? {}, source), source };
}

function checkValue(value: unknown, source: Source | undefined): ConfigResult {
  const result = configSchema.safeParse(value);
  if (result.success) return { config: result.data };
  return { problems: result.error.issues.flatMap((issue) => problemsOf(issue, { value, source })) };
}

/** The configuration that an issue is about, as a value and as text. */
interface Subject {
  readonly value: unknown;
  readonly source: Source | undefined;
}

function problemsOf(issue: z.core.$ZodIssue, subject: Subject): ConfigProblem[] {
  const { source } = subject;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(configSchema, issue.path);
    return issue.keys.map((key) => ({
      ...position(source, [...issue.path, key], 'key'),
      field: [...issue.path, key].join('.'),
      message: `unknown key "${[...issue.path, key].join('.')}"`,
      hint: didYouMean(key, known),
    }));
  }
  const given = valueAt(subject.value, issue.path);
  if (issue.code === 'invalid_union' && issue.message === UNWORDED) {
    const branch = issue.errors.find((issues) => !issues.some((inner) => isOtherKind(inner, given)));
    if (branch !== undefined) {
      const inside = branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
      return inside.flatMap((inner) => problemsOf(inner, subject));
    }
  }
  const field = issue.path.length === 0 ? null : issue.path.join('.');
  const message = `${field ?? 'the configuration'} ${given === undefined ? 'is missing' : `is wrong: ${wording(issue)}`}`;
  const near = issue.code === 'invalid_value' ? findNearest(String(given), issue.values.map(String)) : undefined;
  const hint = near === undefined ? {} : { hint: `did you mean "${near}"?` };
  return [{ ...position(source, issue.path, issue.code === 'invalid_key' ? 'key' : 'value'), field, message, ...hint }];
}

/** What zod says of a union when its schema has no words of its own. */
const UNWORDED = 'Invalid input';

/** Whether an issue of one branch of a union says that the branch is not meant at all. */
function isOtherKind(issue: z.core.$ZodIssue, given: unknown): boolean {
  if (issue.path.length > 0) return false;
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof given !== 'string');
}

function wording(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  if (issue.code !== 'invalid_union' || issue.message !== UNWORDED) return issue.message;
  const kinds: Readonly<Record<string, string>> = { string: 'text', array: 'a list', object: 'a map of keys' };
  const wanted = issue.errors.flatMap(([first]) => {
    if (first === undefined) return [];
    return first.code === 'invalid_type' ? (kinds[first.expected] ?? first.expected) : wording(first);
  });
  return `expected ${[...new Set(wanted)].join(' or ')}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return found;
}

/** The keys that the object at `path` may have. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  if (schema instanceof z.ZodOptional) return knownKeys(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => knownKeys(option, path));
  const [first, ...rest] = path;
  if (schema instanceof z.ZodObject) {
    if (first === undefined) return Object.keys(schema.shape);
    const inner: z.core.$ZodType | undefined = schema.shape[String(first)];
    return inner === undefined ? [] : knownKeys(inner, rest);
  }
  if (first === undefined) return [];
  if (schema instanceof z.ZodRecord) return knownKeys(schema.valueType, rest);
  return schema instanceof z.ZodArray ? knownKeys(schema.element, rest) : [];
}

function position(
  source: Source | undefined,
  place: readonly PropertyKey[],
  of: 'key' | 'value',
): { line: number | null; column: number | null } {
  if (source === undefined) return { line: null, column: null };
  const node = findNode(source.document, place, of);
  const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  const { line, col } = source.lines.linePos(offset);
  return { line, column: col };
}

/** The node of a key or a value; for one that is not there, the key of what it is missing in. */
function findNode(document: Document.Parsed, place: readonly PropertyKey[], of: 'key' | 'value'): unknown {
  if (place.length === 0) return document.contents;
  const value = document.getIn(place, true);
  if (value === undefined) return findNode(document, place.slice(0, -1), 'key');
  if (of === 'value') return value;
  const parent = place.length === 1 ? document.contents : document.getIn(place.slice(0, -1), true);
  if (!isMap(parent)) return value;
  return parent.items.find((pair) => isScalar(pair.key) && pair.key.value === place.at(-1))?.key ?? value;
}

async function importConfig(file: string): Promise<unknown> {
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    const cannot = (error as { code?: unknown }).code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw new LakeError(
      'CONFIG',
      cannot
        ? `Node ${process.versions.node} cannot import TypeScript`
        : `cannot import the configuration: ${messageOf(error)}`,
      {
        place: file,
        ...(cannot ? { hint: `Node 22.18 or later, or write it as ${basename(file, '.ts')}.yaml` } : {}),
        exitCode: EXIT.usage,
        cause: error,
      },
    );
  }
  if (module.default === undefined) {
    throw new LakeError('CONFIG', 'the configuration has no default export', { place: file, exitCode: EXIT.usage });
  }
  return module.default;
}

/** The JSON Schema of the configuration file, for editors and `validate --schema config`. */
export function configJsonSchema(): unknown {
  return { ...z.toJSONSchema(configSchema), title: 'lakeledger configuration' };
}

const REFERENCE = /\$\{(env|file):([^}]+)\}/g;

/** True when `text` holds a reference to a secret. */
export function hasReference(text: string): boolean {
  return text.search(REFERENCE) !== -1;
}

export interface ReferenceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative `${file:…}` paths start here. */
  readonly folder: string;
  /** Called with every value that was put in, so that it can be redacted from messages. */
  readonly onSecret?: (value: string) => void;
}

/** Puts the values of `${env:NAME}` and `${file:PATH}` in. Rejects with code `CONFIG` when one is missing; never shows a value. */
export async function resolveReferences(text: string, options: ReferenceOptions): Promise<string> {
  const parts: string[] = [];
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    const value = await referenced(match[1] ?? '', match[2] ?? '', options);
    options.onSecret?.(value);
    parts.push(text.slice(end, match.index), value);
    end = match.index + match[0].length;
  }
  return parts.join('') + text.slice(end);
}

async function referenced(kind: string, name: string, options: ReferenceOptions): Promise<string> {
  if (kind === 'env') {
    const value = options.env[name];
    if (value !== undefined) return value;
    throw new LakeError('CONFIG', `the environment variable ${name} is not set`, {
      place: `\${env:${name}}`,
      hint: `export ${name}=…`,
      exitCode: EXIT.usage,
    });
  }
  const file = isAbsolute(name) ? name : join(options.folder, name);
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new LakeError('CONFIG', `cannot read the secret: ${messageOf(error)}`, {
      place: `\${file:${name}}`,
      exitCode: EXIT.usage,
      cause: error,
    });
  }
}

/** The folder that relative paths of a configuration start from. */
export function configFolder(config: LoadedConfig): string {
  return dirname(config.file);
}
