import { fillSql, readSqlFile } from '../../base/sql-file.js';
import type { SqlRow } from '../../duckdb/values.js';
import { EVENT_TABLE } from '../../ledger/tables.js';
import type { ReadEventsDeps } from '../events/read-events.js';
import { isLeaseAlive, type LeaseState, listLeases } from '../load/lease.js';

/** How a source and its target stand. */
export interface SourceStatus {
  readonly source: string;
  readonly target: string;
  /** `loading`: a live run holds the target. `problems`: files failed for good or are held. */
  readonly state: 'never run' | 'ok' | 'loading' | 'problems' | 'retrying' | 'interrupted';
  readonly last_success: string | null;
  /** Seconds since the last success. */
  readonly age_seconds: number | null;
  /** Paths with rows of their own. */
  readonly files: number;
  readonly rows: number;
  /** Failed files that are tried again by themselves. */
  readonly waiting: number;
  readonly failed: number;
  readonly dead_letter: number;
  readonly held: number;
  /** Begun without an end. */
  readonly in_progress: number;
  readonly next_retry_at: string | null;
  readonly newest_business_date: string | null;
  readonly last_run_id: string | null;
  readonly lock: {
    readonly run_id: string;
    readonly pid: number;
    readonly host: string;
    readonly actor: string;
    readonly since: string;
    readonly alive: boolean;
  } | null;
}

export interface OverviewRequest {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The name of this machine, to tell whether the process of a lease still runs. */
  readonly host: string;
  /** Sources that are configured; they appear even if they never ran. */
  readonly sources?: readonly { readonly name: string; readonly target: string }[];
}

function textOf(row: SqlRow, name: string): string | null {
  const value = row[name];
  return typeof value === 'string' ? value : null;
}

function lockOf(lease: LeaseState, { host, now }: OverviewRequest): NonNullable<SourceStatus['lock']> {
  return {
    run_id: lease.runId,
    pid: lease.pid,
    host: lease.host,
    actor: lease.actor,
    since: new Date(lease.acquiredAt).toISOString(),
    alive: isLeaseAlive(lease, host, now),
  };
}

type Counts = Omit<SourceStatus, 'state' | 'lock' | 'source' | 'target'>;

const NOTHING: Counts = {
  last_success: null,
  age_seconds: null,
  files: 0,
  rows: 0,
  waiting: 0,
  failed: 0,
  dead_letter: 0,
  held: 0,
  in_progress: 0,
  next_retry_at: null,
  newest_business_date: null,
  last_run_id: null,
};

function countsOf(row: SqlRow, now: number): Counts {
  const count = (name: string): number => Number(row[name] ?? 0);
  const success = textOf(row, 'last_success');
  return {
    last_success: success,
    age_seconds: success === null ? null : Math.max(0, Math.round((now - Date.parse(success)) / 1000)),
    files: count('files'),
    rows: count('row_count'),
    waiting: count('waiting'),
    failed: count('failed'),
    dead_letter: count('dead_letter'),
    held: count('held'),
    in_progress: count('in_progress'),
    next_retry_at: textOf(row, 'next_retry_at'),
    newest_business_date: textOf(row, 'newest_business_date'),
    last_run_id: textOf(row, 'last_run_id'),
  };
}

function stateOf(counts: Counts, lock: SourceStatus['lock']): SourceStatus['state'] {
  if (lock?.alive === true) return 'loading';
  if (counts.failed + counts.dead_letter + counts.held > 0) return 'problems';
  if (counts.in_progress > 0) return 'interrupted';
  if (counts.waiting > 0) return 'retrying';
  return counts === NOTHING ? 'never run' : 'ok';
}

/** How every source stands that is configured or that ever ingested something, by name. */
export async function overview(
  { session, catalog }: ReadEventsDeps,
  request: OverviewRequest,
): Promise<readonly SourceStatus[]> {
  const snapshot = await catalog.findSnapshot(EVENT_TABLE);
  const counted = new Map<string, { source: string; target: string; counts: Counts }>();
  for (const { name, target } of request.sources ?? []) {
    counted.set(`${name}\n${target}`, { source: name, target, counts: NOTHING });
  }
  if (snapshot !== undefined) {
    const events = await catalog.table(EVENT_TABLE).scan({ slot: 'status_events', snapshot, files: snapshot.files });
    for (const row of await session.rows(fillSql(readSqlFile('ingest', 'count_source_files'), { events }))) {
      const [source, target] = [String(row['source']), String(row['target'])];
      counted.set(`${source}\n${target}`, { source, target, counts: countsOf(row, request.now) });
    }
  }
  const leases = new Map((await listLeases(catalog.store)).map((lease) => [lease.name, lockOf(lease, request)]));
  return [...counted.values()]
    .map(({ source, target, counts }) => {
      const lock = leases.get(target) ?? null;
      return { source, target, state: stateOf(counts, lock), ...counts, lock };
    })
    .sort((a, b) => (`${a.source}\n${a.target}` < `${b.source}\n${b.target}` ? -1 : 1));
}
