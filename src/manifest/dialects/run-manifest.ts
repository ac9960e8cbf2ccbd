import { hash } from 'node:crypto';
import { z } from 'zod';
import type { CanonicalManifest } from '../canonical.js';
import {
  check,
  dayOr,
  errorText,
  FieldProblem,
  type Fields,
  shaOf,
  statusOf,
  textOf,
  timestampOf,
  types,
  wholeOf,
} from '../fields.js';
import { metaText } from '../meta.js';
import { identified, type Part, partOf } from './part.js';

/** Names that are accepted for each field of a run, the preferred one first; camelCase of each is accepted too. */
const RUN_NAMES = {
  source: ['source', 'source_name', 'source_id'],
  environment: ['environment', 'env'],
  run_id: ['run_id'],
  business_date: ['business_date', 'ingest_date', 'execution_date', 'logical_date', 'date'],
  status: ['status', 'state'],
  started_at: ['started_at', 'start', 'start_ts', 'start_time', 'started', 'ts_start'],
  ended_at: ['ended_at', 'end', 'end_ts', 'end_time', 'ended', 'finished_at', 'completed_at', 'ts_end'],
  errors: ['errors', 'error_list', 'error_message', 'error'],
  outputs: ['outputs'],
  target_backend: ['target_backend'],
} as const;

const OUTPUT_NAMES = {
  entity: ['entity', 'name', 'table'],
  file_sha: ['file_sha', 'sha256', 'checksum'],
  file_path: ['file_path', 'source_path'],
  dest_path: ['dest_path', 'path', 'key', 'uri', 'location', 's3_key'],
  size_bytes: ['size_bytes', 'bytes', 'size', 'file_size'],
  row_count_estimate: ['row_count_estimate', 'row_count', 'rows', 'record_count'],
  status: ['status'],
  errors: ['errors', 'error_message', 'error'],
} as const;

const runSchema = z.object({
  source: types.requiredText,
  environment: types.text,
  run_id: types.requiredText,
  business_date: types.day,
  status: types.status,
  started_at: types.timestamp.nullish(),
  ended_at: types.timestamp.nullish(),
  errors: z.unknown().optional(),
  target_backend: types.text,
});

const outputSchema = z.object({
  entity: types.text,
  file_sha: types.sha.nullish(),
  file_path: types.text,
  dest_path: types.text,
  size_bytes: types.size,
  row_count_estimate: types.count,
  status: types.status.nullish(),
  errors: z.unknown().optional(),
});

/** The run manifest of seed 003, in the preferred spelling of its fields (docs/manifests.md lists the others). */
export const runManifestSchema = runSchema.extend({
  outputs: z
    .union([
      z.null(),
      z.array(outputSchema),
      z.record(z.string(), z.union([z.string(), z.null(), outputSchema, z.array(outputSchema)])),
    ])
    .optional(),
});

type Names = Readonly<Record<string, readonly string[]>>;

interface Renamed {
  readonly known: Fields;
  /** The name that the manifest uses for each known field. */
  readonly spelling: Readonly<Record<string, string>>;
  readonly rest: ReadonlyMap<string, unknown>;
}

function snakeCase(name: string): string {
  return name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Gives the fields their preferred names; the first spelling that has a value wins, other values stay under their own names. */
function rename(value: Fields, names: Names): Renamed {
  const known: Record<string, unknown> = {};
  const spelling: Record<string, string> = {};
  const rest = new Map(Object.entries(value));
  for (const [name, accepted] of Object.entries(names)) {
    const own = Object.keys(value).filter((key) => accepted.includes(snakeCase(key)));
    own.sort((a, b) => accepted.indexOf(snakeCase(a)) - accepted.indexOf(snakeCase(b)));
    const used = own.find((key) => value[key] !== null) ?? own[0];
    spelling[name] = used ?? name;
    if (used !== undefined) known[name] = value[used];
    for (const key of own) if (value[key] === null || stableEqual(value[key], known[name])) rest.delete(key);
  }
  return { known, spelling, rest };
}

function stableEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** `check`, with problems told in the spelling of the manifest. */
function checkRenamed(schema: z.ZodType, { known, spelling }: Renamed, prefix = ''): void {
  try {
    check(schema, known);
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    throw new FieldProblem(prefix + (spelling[error.field ?? ''] ?? error.field ?? ''), error.message);
  }
}

interface Output {
  /** Where it stands in the manifest: `outputs.orders` or `outputs.orders.0`. */
  readonly place: string;
  readonly entity: string;
  readonly value: unknown;
}

function listOutputs(outputs: unknown): Output[] {
  if (outputs === null || outputs === undefined) return [];
  if (typeof outputs !== 'object') throw new FieldProblem('outputs', 'expected an object keyed by entity or an array');
  const named = (value: unknown, i: number): string => {
    const { known } = rename(isObject(value) ? value : {}, OUTPUT_NAMES);
    return textOf(known.entity) ?? textOf(known.dest_path) ?? String(i);
  };
  if (Array.isArray(outputs)) {
    return outputs.map((value, i) => ({ place: `outputs.${i}`, entity: named(value, i), value }));
  }
  return Object.entries(outputs).flatMap(([entity, value]) => {
    const files = isObject(value) && Array.isArray(value.files) ? value.files : value;
    if (!Array.isArray(files)) return [{ place: `outputs.${entity}`, entity, value: files }];
    const one = files.length === 1;
    return files.map((file, i) => ({
      place: `outputs.${entity}.${i}`,
      entity: one ? entity : `${entity}/${named(file, i)}`,
      value: file,
    }));
  });
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Run {
  readonly fields: Renamed;
  readonly text: string;
  readonly pulled: string;
  readonly day: string;
}

function readRun(value: Fields, text: string): Run {
  const fields = rename(value, RUN_NAMES);
  checkRenamed(runSchema, fields);
  const { known } = fields;
  const time = known.ended_at ?? known.started_at;
  if (typeof time !== 'string') throw new FieldProblem('started_at', 'is missing: a run has a start or an end');
  const pulled = timestampOf(time);
  return { fields, text, pulled, day: dayOr(known.business_date, pulled) };
}

/** What stands for the content hash of an output without one: the same entity of the same day is the same thing. */
function derivedSha(run: Run, entity: string): string {
  const { source, environment } = run.fields.known;
  return hash('sha256', JSON.stringify([textOf(source), textOf(environment), run.day, entity]));
}

function runMeta(run: Run, entity: string | null, output: ReadonlyMap<string, unknown>): string | null {
  const { known, rest } = run.fields;
  const meta = new Map(rest);
  for (const name of ['environment', 'run_id', 'business_date', 'started_at', 'ended_at', 'errors']) {
    const value = known[name];
    if (value !== null && value !== undefined) meta.set(name, value);
  }
  if (entity !== null) meta.set('entity', entity);
  if (output.size > 0) meta.set('output', Object.fromEntries(output));
  return metaText(meta);
}

function canonicalOutput(run: Run, output: Output | null): CanonicalManifest {
  const raw = typeof output?.value === 'string' ? { dest_path: output.value } : (output?.value ?? {});
  if (!isObject(raw)) throw new FieldProblem(output?.place ?? null, 'expected an object or a path');
  const fields = rename(raw, OUTPUT_NAMES);
  if (output !== null) checkRenamed(outputSchema, fields, `${output.place}.`);
  const { known } = fields;
  const status = statusOf(known.status ?? run.fields.known.status);
  const failed = status === 'FAILED' || status === 'RETRYING';
  const sha = known.file_sha;
  return identified({
    event_id: '',
    file_sha: typeof sha === 'string' ? shaOf(sha) : derivedSha(run, output?.entity ?? ''),
    source_repo: textOf(run.fields.known.source),
    file_path: textOf(known.file_path) ?? output?.entity ?? null,
    ingest_date: run.day,
    pull_ts_utc: run.pulled,
    size_bytes: wholeOf(known.size_bytes),
    row_count_estimate: wholeOf(known.row_count_estimate),
    target_backend: textOf(run.fields.known.target_backend),
    dest_path: textOf(known.dest_path),
    status,
    error_message: errorText(known.errors) ?? (failed ? errorText(run.fields.known.errors) : null),
    reprocess: false,
    meta: runMeta(run, output?.entity ?? null, fields.rest),
    dialect: 'run',
    manifest: run.text,
  });
}

/** One canonical row per output, or one for the run when it has none (R1, seed 003). */
export function canonicalRun(value: Fields, text: string): Part[] {
  const run = readRun(value, text);
  const outputs = listOutputs(run.fields.known.outputs);
  if (outputs.length === 0) return [partOf(text, 0, () => canonicalOutput(run, null))];
  return outputs.map((output) => partOf(text, 0, () => canonicalOutput(run, output)));
}
