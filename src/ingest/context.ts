import type { Clock } from '../base/clock.js';
import type { OnProgress } from '../base/progress.js';
import type { Session } from '../duckdb/session.js';
import type { LakeCatalog, Ledger, LedgerKey } from '../ledger/index.js';
import type { ResolvedSource } from './config/source-config.js';
import type { Journal } from './events/journal.js';
import type { Transform } from './load/batch-rows.js';
import type { LoadProgress } from './load/load-progress.js';
import type { BronzeTarget } from './load/target.js';
import type { FilePlan } from './plan/plan.js';
import type { FileStates } from './plan/state.js';
import type { FileResult, IngestRequest } from './result.js';

/**
 * The steps of a batch, in order. After each of them a process may die; docs/exactly-once.md says what is on disk then and what the
 * next run does about it.
 */
export const STEPS = [
  'planned',
  'written_ahead',
  'staged',
  'schema_recorded',
  'rejects_kept',
  'raw_kept',
  'prepared',
  'committed',
  'events_written',
  'run_recorded',
  'manifest_written',
] as const;
export type Step = (typeof STEPS)[number] | 'extracted';

/** The steps of a run over a table. */
export const TABLE_STEPS: readonly Step[] = ['planned', 'extracted', ...STEPS.slice(1)];

/** What ingestion works with; a lake has it. */
export interface IngestDeps {
  readonly session: Session;
  readonly catalog: LakeCatalog;
  readonly key: LedgerKey;
  readonly clock: Clock;
  /** A folder for temporary files, on local disk. */
  readonly scratch: string;
  readonly openLedger: () => Promise<Ledger>;
  readonly onProgress?: OnProgress;
  /** The same with an engine of its own, for work at the same time; undefined where there is only one. */
  readonly fork?: () => Promise<{ readonly deps: IngestDeps; close(): Promise<void> }>;
}

/** One run over one source. */
export interface SourceRun {
  readonly deps: IngestDeps;
  readonly request: IngestRequest;
  readonly source: ResolvedSource;
  readonly transform: Transform | undefined;
  readonly target: BronzeTarget;
  readonly journal: Journal;
  readonly runId: string;
  readonly actor: string;
  /** The partition of what it brings, `YYYY-MM-DD`. */
  readonly ingestDate: string;
  /** The business date that it is for, `YYYY-MM-DD`. */
  readonly runDate: string;
  /** Called after each step; tests end the process there. */
  readonly onStep: (step: Step) => void | Promise<void>;
  readonly onResult: (result: FileResult) => void;
  readonly warn: (warning: string) => void;
}

/** What a batch is decided on. */
export interface BatchRequest {
  readonly files: readonly FilePlan[];
  readonly states: FileStates;
  /** Version of the event log that the decisions saw. */
  readonly seq: number;
  /** Version of the batch's `txn`. */
  readonly batch: number;
  readonly progress?: LoadProgress;
}
