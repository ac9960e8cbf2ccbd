import type { ExitCode } from '../base/lake-error.js';
import type { Status } from '../manifest/index.js';
import type { ResolvedSource } from './config/source-config.js';
import type { Action, Evidence, Rule } from './model.js';

/** A file that a selection is asked about. */
export interface SelectedFile {
  readonly source: string;
  readonly path: string;
  /** SHA-256 of the bytes, hex. */
  readonly sha: string;
}

/** What to ingest, and how. */
export interface IngestRequest {
  readonly sources: readonly ResolvedSource[];
  /** Default: a new UUID. */
  readonly runId?: string;
  /** Who ingests; default: the user of the process. */
  readonly actor?: string;
  /** The day this run is for, `YYYY-MM-DD`: a source with business dates gives its files of that day only. */
  readonly date?: string;
  /** Decide everything, write nothing. */
  readonly dryRun?: boolean;
  /** Load every file again, in place of its rows. */
  readonly fullRefresh?: boolean;
  /** At most so many files are loaded; the others wait for the next run. */
  readonly maxFiles?: number;
  /** Keep a copy of the bytes, whatever the source says. */
  readonly keepRaw?: boolean;
  /** Run although the date has succeeded. */
  readonly rerun?: boolean;
  /** Sources that are worked on at the same time; default 4. */
  readonly jobs?: number;
  /** Where "today" is taken from, an IANA name; default UTC. */
  readonly timeZone?: string;
  /** Written into run manifests. */
  readonly environment?: string;
  /** Go on although another run holds the lease of a source. */
  readonly takeOver?: boolean;
  /** Only failed files are tried: those whose time has come, these and the dead letters, or all. */
  readonly retryNow?: 'due' | 'all' | 'dead_letter';
  /** Only files for which this holds. */
  readonly only?: (file: SelectedFile) => boolean;
  /** Called once per file, when its result is known. */
  readonly onFile?: (file: FileResult) => void;
  /** Stops between two steps; what is committed stays. */
  readonly signal?: AbortSignal;
}

/** Rows of a correction compared with the rows they replace. */
export interface RowDiff {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
}

/** What became of one file. */
export interface FileResult {
  readonly source: string;
  readonly target: string;
  /** The path that identifies the file within its source. */
  readonly path: string;
  /** SHA-256 of the bytes, hex; null when the file could not be read. */
  readonly file_sha: string | null;
  readonly decision: Action;
  readonly rule: Rule;
  /** One sentence for people. */
  readonly reason: string;
  /** What the event log says of it now; null when nothing was written about it. */
  readonly status: Status | null;
  /** Rows of it that this run put into the target. */
  readonly rows: number;
  /** Why it failed; null when it did not. */
  readonly error: string | null;
  readonly error_code: string | null;
  /** What the user can do about the error. */
  readonly hint: string | null;
  /** Rows that went to `metadata.reject`. */
  readonly rejected: number;
  /** Rows with values in `_rescued_data`. */
  readonly rescued: number;
  /** 1 for the first try of these bytes. */
  readonly attempt: number;
  /** ISO 8601 UTC; when a failed file is tried again by itself. */
  readonly next_retry_at: string | null;
  /** Version of the target that has its rows; null when it was not committed. */
  readonly version: number | null;
  /** Set for a correction that replaced rows. */
  readonly diff: RowDiff | null;
  readonly notes: readonly string[];
  readonly bytes: number;
  /** `YYYY-MM-DD`; null when it has none. */
  readonly business_date: string | null;
  /** What the rows of a table hold, whatever their order; null for files. */
  readonly checksum: string | null;
  readonly duration_ms: number;
}

/** What became of one source. */
export interface SourceResult {
  readonly source: string;
  readonly target: string;
  readonly type: 'file' | 'sftp' | 'postgres';
  /** The business date of the run, `YYYY-MM-DD`. */
  readonly date: string;
  readonly status: 'success' | 'failed' | 'skipped';
  /** Why it was skipped. */
  readonly reason: string | null;
  readonly rows: number;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly hint: string | null;
  /** What the process ends with if nothing worse happens; 0 unless it failed as a whole. */
  readonly exit_code: ExitCode;
  /** Run manifests that were written, in the lake. */
  readonly manifests: readonly string[];
  readonly duration_ms: number;
}

/** What a run did. */
export interface IngestResult {
  readonly run_id: string;
  readonly status: 'success' | 'failed' | 'skipped';
  readonly processed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly rows: number;
  readonly bytes: number;
  readonly duration_ms: number;
  readonly rejected: number;
  readonly dry_run: boolean;
  readonly files: readonly FileResult[];
  readonly sources: readonly SourceResult[];
  readonly warnings: readonly string[];
}

/** What `ingest` would do with one file, and what that rests on. */
export interface PlannedFile {
  readonly source: string;
  readonly target: string;
  readonly path: string;
  /** SHA-256 of the bytes, hex; null when the file could not be read. */
  readonly file_sha: string | null;
  readonly size: number;
  readonly business_date: string | null;
  readonly decision: Action;
  readonly rule: Rule;
  readonly reason: string;
  readonly evidence: Evidence;
}

/** What `ingest` would do. */
export interface PlanResult {
  readonly files: readonly PlannedFile[];
  readonly warnings: readonly string[];
}

/** What to load or mark again. */
export interface ReprocessRequest {
  /** A path, the beginning of a SHA-256 or git SHA-1, or `source:YYYY-MM-DD`. */
  readonly selector: string;
  /** Kept in the event log. */
  readonly reason: string;
  /** In place of the rows that are there, or beside them. */
  readonly mode: 'replace' | 'append';
  /** The sources that may hold it. */
  readonly sources: readonly ResolvedSource[];
  readonly actor?: string;
  /** Say what it would touch, write nothing. */
  readonly dryRun?: boolean;
  readonly takeOver?: boolean;
  readonly onFile?: (file: FileResult) => void;
  readonly signal?: AbortSignal;
}
