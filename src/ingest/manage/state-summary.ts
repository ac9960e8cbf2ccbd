import { hostname } from 'node:os';
import type { LedgerWriter } from '../events/record-events.js';
import { batchesOf } from '../load/batch-notes.js';
import { isLeaseAlive, type LeaseState, readLease } from '../load/lease.js';
import type { FileEvent } from '../model.js';
import type { FileStates } from '../plan/state.js';
import { findWatermark, type Watermark } from '../table/watermark.js';
import { readSourceStates, type SourceState } from './state-changes.js';

/** Who holds a target; the keys are those of the command line. */
export interface LeaseSummary {
  readonly target: string;
  readonly run_id: string;
  readonly pid: number;
  readonly host: string;
  readonly actor: string;
  readonly acquired_at: string;
  readonly heartbeat_at: string;
  /** Whether it gave a sign of life lately. */
  readonly alive: boolean;
}

/** What the ledger has of one path. */
export interface PathSummary {
  readonly path: string;
  /** The bytes that the path has now; null when nothing of it is in the target. */
  readonly sha: string | null;
  /** How the last try of the path ended. */
  readonly status: string;
  /** Rows in the target; null when nobody said how many. */
  readonly rows: number | null;
  readonly run_id: string;
  readonly at: string;
  /** Every content whose rows are in the target; `append` keeps several. */
  readonly loaded: readonly string[];
  /** The path that has the rows, when the bytes came under another one first. */
  readonly held_by: string | null;
  readonly next_retry_at: string | null;
  readonly error: string | null;
}

/** The state of one source in one target. */
export interface SourceSummary {
  readonly source: string;
  readonly target: string;
  /** The last batch that is in the target. */
  readonly batch: number | null;
  /** Paths with rows. */
  readonly files: number;
  readonly rows: number;
  /** The last load. */
  readonly newest: { readonly path: string; readonly sha: string; readonly at: string } | null;
  /** Paths whose last try failed: those that are tried again, and those that are not. */
  readonly retrying: number;
  readonly failed: number;
  readonly held: number;
  /** Paths that were begun with and not ended. */
  readonly unfinished: number;
  /** Requests to load again. */
  readonly requested: number;
  readonly next_retry_at: string | null;
  readonly lease: LeaseSummary | null;
  /** Up to where a table was read; null for files and for tables that are read in full. */
  readonly watermark: Watermark | null;
}

export interface SourceDetail extends SourceSummary {
  readonly paths: readonly PathSummary[];
}

export function leaseSummary(lease: LeaseState, now: number): LeaseSummary {
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    target: lease.name,
    run_id: lease.runId,
    pid: lease.pid,
    host: lease.host,
    actor: lease.actor,
    acquired_at: iso(lease.acquiredAt),
    heartbeat_at: iso(lease.heartbeatAt),
    alive: isLeaseAlive(lease, hostname(), now),
  };
}

/** The last event of a path that says how something ended; else its last one. */
function lastEnd(states: FileStates, path: string): FileEvent {
  const events = states.history(path);
  const ended = events.findLast(
    ({ status, reprocess }) => status !== 'PROCESSING' && !(reprocess && status === 'PENDING'),
  );
  return (ended ?? events.at(-1)) as FileEvent;
}

function rowsOf(states: FileStates, path: string): number | null {
  return states
    .loads(path)
    .reduce((sum: number | null, { rows }) => (sum === null || rows === null ? null : sum + rows), 0);
}

function pathSummary(states: FileStates, path: string): PathSummary {
  const current = states.current(path);
  const last = lastEnd(states, path);
  const alias = current !== undefined && states.loads(path).length === 0;
  return {
    path,
    sha: current?.sha ?? null,
    status: last.status,
    rows: rowsOf(states, path),
    run_id: last.runId,
    at: last.at,
    loaded: states.loadedShas(path),
    held_by: alias ? (states.owner(current.sha)?.path ?? null) : null,
    next_retry_at: last.nextRetryAt,
    error: last.error,
  };
}

function countBy<T>(values: readonly T[], holds: (value: T) => boolean): number {
  return values.filter(holds).length;
}

function watermarkOf(states: FileStates): Watermark | null {
  const known = findWatermark(states.paths().flatMap((path) => states.history(path)));
  if (known === undefined) return null;
  const { column, type, value, late_from, open } = known;
  return { column, type, value, late_from, open };
}

function summaryOf({ source, target, states }: SourceState, at: { batch: number | null; lease: LeaseSummary | null }) {
  const paths = states.paths().map((path) => pathSummary(states, path));
  const loaded = paths.filter((one) => one.loaded.length > 0);
  const loads = loaded.flatMap(({ path }) => states.loads(path));
  const newest = loads.reduce<FileEvent | undefined>(
    (last, load) => (states.isAfter(load, last) ? load : last),
    undefined,
  );
  const due = paths.flatMap(({ next_retry_at }) => next_retry_at ?? []).sort();
  const requested = countBy(states.paths(), (path) =>
    states.history(path).some(({ sha, reprocess }) => reprocess && states.request(path, sha) !== undefined),
  );
  const detail: SourceDetail = {
    source,
    target,
    batch: at.batch,
    files: loaded.length,
    rows: loaded.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
    newest: newest === undefined ? null : { path: newest.path, sha: newest.sha, at: newest.at },
    retrying: countBy(paths, ({ next_retry_at }) => next_retry_at !== null),
    failed: countBy(paths, ({ status, next_retry_at }) => status === 'FAILED' && next_retry_at === null),
    held: countBy(paths, ({ status }) => status === 'QUARANTINED'),
    unfinished: new Set(states.open().map(({ path }) => path)).size,
    requested,
    next_retry_at: due[0] ?? null,
    lease: at.lease,
    watermark: watermarkOf(states),
    paths: paths.sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  return detail;
}

/** What the ledger has of each source and target; `names` (of either) choose some. Throws a usage error for an unknown one. */
export async function summarizeState(deps: LedgerWriter, names: readonly string[] = []): Promise<SourceDetail[]> {
  const { catalog, clock } = deps;
  const details: SourceDetail[] = [];
  for (const found of await readSourceStates(deps, names)) {
    const snapshot = await catalog.findSnapshot(found.target);
    const lease = await readLease(catalog.store, found.target);
    details.push(
      summaryOf(found, {
        batch: snapshot === undefined ? null : (batchesOf(snapshot).get(found.source) ?? null),
        lease: lease === undefined ? null : leaseSummary(lease, clock.now()),
      }),
    );
  }
  return details;
}
