import type { Status } from '../manifest/index.js';

/** What `ingest` does with a delivered file. */
export type Action = 'load' | 'replace' | 'append' | 'skip' | 'hold' | 'wait';

/** Why it does that: the name of the rule that decided, in the ledger and in `explain`. */
export type Rule =
  | 'new'
  | 'same_bytes_same_path'
  | 'same_bytes_new_path'
  | 'correction'
  | 'returned'
  | 'retry'
  | 'retry_not_due'
  | 'dead_letter'
  | 'failed_before'
  | 'quarantined'
  | 'reprocess'
  | 'not_arrived'
  | 'rebuilt'
  | 'full_load'
  | 'incremental_load'
  | 'watermark_set'
  | 'watermark_reset'
  | 'date_succeeded';

export type CorrectionPolicy = 'append' | 'replace' | 'hold';

/** A fact a decision rests on; plain JSON. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

export interface Decision {
  readonly action: Action;
  readonly rule: Rule;
  /** One sentence for people. */
  readonly reason: string;
  readonly evidence: Evidence;
}

/** One thing that happened to a file, as the event log has it (`meta.ingest` and the columns beside it). */
export interface FileEvent {
  readonly source: string;
  readonly target: string;
  /** The path that identifies the file within its source. */
  readonly path: string;
  /** SHA-256 of the bytes, hex. */
  readonly sha: string;
  readonly status: Status;
  readonly action: Action;
  readonly rule: Rule;
  readonly reason: string;
  /** The version of the event log that the decision saw: later decisions see more (Decision 5). */
  readonly seq: number;
  /** ISO 8601 UTC, six fraction digits. */
  readonly at: string;
  readonly runId: string;
  /** Version of the `txn` of the target that its rows were committed with; null when none were. */
  readonly batch: number | null;
  readonly rows: number | null;
  /** 1 for the first try. */
  readonly attempt: number;
  /** ISO 8601 UTC; null when no further try is due by itself. */
  readonly nextRetryAt: string | null;
  readonly errorCode: string | null;
  readonly error: string | null;
  /** A request to load it again that is not done yet. */
  readonly reprocess: boolean;
  readonly gitSha: string | null;
  readonly size: number | null;
  readonly businessDate: string | null;
  /** Version of the dataset's schema that the file came with. */
  readonly schemaVersion: number | null;
  /** Everything `meta.ingest` holds. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface RetryPolicy {
  /** Tries of one content before it is a dead letter. */
  readonly maxAttempts: number;
  /** Milliseconds before the second try; doubled for each further one, with full jitter. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

export type ContractMode = 'evolve' | 'freeze' | 'rescue' | 'discard_row';

/** What happens to columns and types that the dataset does not have yet. */
export interface Contract {
  readonly columns: ContractMode;
  readonly types: ContractMode;
}

export interface Expectation {
  readonly name: string;
  /** A SQL condition over the row as it will be in the target; a row for which it is false breaks it. */
  readonly expression: string;
  readonly action: 'warn' | 'quarantine' | 'fail';
}

/** What an event says of a file that was not tried: nothing. */
export const UNTRIED = {
  batch: null,
  rows: null,
  attempt: 1,
  nextRetryAt: null,
  errorCode: null,
  error: null,
  reprocess: false,
  gitSha: null,
  size: null,
  businessDate: null,
  schemaVersion: null,
} as const satisfies Partial<FileEvent>;
