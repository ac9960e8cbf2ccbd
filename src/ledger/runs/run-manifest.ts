import { z } from 'zod';
import { messageOf } from '../../base/lake-error.js';
import { isDate, parseTimestamp } from '../../manifest/timestamp.js';

const time = z.string().refine((text) => parseTimestamp(text) !== undefined, { error: 'is no ISO 8601 time' });
const waiver = z.object({ reason: z.string(), actor: z.string().default('unknown') });
const skipCheck = z.object({
  state: z.enum(['succeeded', 'not_succeeded', 'unreadable']),
  run_id: z.string().nullable().default(null),
});
const runError = z.union([
  z.string().transform((message) => ({ code: 'ERROR', message, place: null })),
  z.object({
    code: z.string().default('ERROR'),
    message: z.string(),
    place: z.string().nullable().default(null),
  }),
]);

/**
 * A run manifest as it lies in the lake (seed 003). What says which run it was of and how it ended must be there; the rest has defaults, so that
 * manifests of other tools can be read.
 */
const runManifestSchema = z.object({
  source: z.string(),
  source_type: z.string().default('file'),
  environment: z.string().nullable().default(null),
  run_id: z.string().min(1),
  ingest_date: z.string().refine(isDate, { error: 'is no date' }),
  status: z.enum(['success', 'failed', 'skipped']),
  started_at: time,
  ended_at: time.nullable().default(null),
  errors: z.array(runError).default([]),
  outputs: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  seq: z.int().min(0).default(0),
  actor: z.string().default('unknown'),
  tool_version: z.string().nullable().default(null),
  skip_check: skipCheck.nullable().default(null),
  waived: waiver.nullable().default(null),
  rerun: z.boolean().default(false),
  notes: z.string().optional(),
});

/** What went wrong in a run; `place` says where. */
export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly place: string | null;
}

/**
 * What a run brought of one entity: a file, a table. `file_sha` is of the bytes that were read; rows of a query have a `fingerprint` instead.
 * The ledger takes `file_sha` for the key of the entity.
 */
export interface RunOutput {
  readonly target?: string;
  /** Version of the target that has its rows. */
  readonly version?: number | null;
  readonly rows?: number | null;
  readonly bytes?: number | null;
  readonly file_sha?: string | null;
  readonly fingerprint?: string | null;
  readonly [fact: string]: unknown;
}

/** How the skip check of a run came out: whether its date had succeeded before, and in which run. */
export interface SkipFinding {
  readonly state: 'succeeded' | 'not_succeeded' | 'unreadable';
  readonly run_id: string | null;
}

/** The record of one run of one source for one business date (seed 003); the keys are those of the JSON file. */
export interface RunManifest {
  readonly source: string;
  /** `file`, `sftp`, `postgres`. */
  readonly source_type: string;
  /** `production`, `test`, …; null when the configuration names none. */
  readonly environment: string | null;
  readonly run_id: string;
  /** The business date, `YYYY-MM-DD`. */
  readonly ingest_date: string;
  readonly status: 'success' | 'failed' | 'skipped';
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly errors: readonly RunError[];
  /** By entity. */
  readonly outputs: Readonly<Record<string, RunOutput>>;
  /** Version of the event log that the run saw at its end: the latest run is the one that saw most (Decision 5). */
  readonly seq: number;
  readonly actor: string;
  readonly tool_version: string | null;
  readonly skip_check: SkipFinding | null;
  /** Set in a `skipped` manifest by which a person says that the date needs no data. */
  readonly waived: { readonly reason: string; readonly actor: string } | null;
  /** Whether the run was asked for although the date had succeeded. */
  readonly rerun: boolean;
  /** One sentence for people; the event log has it as the reason. */
  readonly notes?: string | undefined;
}

/** A run manifest that cannot be used, and why. */
export interface RunManifestProblem {
  /** Its path in the lake. */
  readonly place: string;
  /** One sentence. */
  readonly problem: string;
}

/** Reads the text of a run manifest. What is wrong with it is the problem, never an exception. */
export function parseRunManifest(text: string, place: string): RunManifest | RunManifestProblem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { place, problem: `it is no JSON: ${messageOf(error)}` };
  }
  const result = runManifestSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  return { place, problem: `${field === '' ? 'it is no run manifest' : field}: ${issue?.message ?? 'is wrong'}` };
}

/** Whether a person said that the date needs no data. */
export function isWaiver({ status, waived }: RunManifest): boolean {
  return status === 'skipped' && waived !== null;
}

/** The later of two runs comes after the other: by what they saw of the ledger, then by time, then by id. */
export function compareRuns(a: RunManifest, b: RunManifest): number {
  if (a.seq !== b.seq) return a.seq - b.seq;
  const [first, second] = [a, b].map((run) => `${parseTimestamp(run.ended_at ?? run.started_at)}\n${run.run_id}`);
  return (first ?? '') < (second ?? '') ? -1 : Number(first !== second);
}
