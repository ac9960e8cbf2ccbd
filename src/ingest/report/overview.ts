import { fillSql, readSqlFile } from '../../base/sql-file.js';
import type { SqlRow } from '../../duckdb/values.js';
import { EVENT_TABLE } from '../../ledger/tables.js';
import type { BusinessDates, DateState, SourceDates } from '../dates/plan-dates.js';
import type { ReadEventsDeps } from '../events/read-events.js';
import { isLeaseAlive, type LeaseState, listLeases } from '../load/lease.js';

/** What the events of a source and target come to. */
interface SourceCounts {
  /** ISO 8601. */
  readonly last_success: string | null;
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
}

/** What its run manifests come to; of a source that takes no part in business dates there is at most the last one. */
interface SourceDateStatus {
  /** The newest business date that succeeded. */
  readonly last_date: string | null;
  /** The business date to run next; null also when nobody can tell. */
  readonly next_date: string | null;
  readonly next_date_state: DateState | null;
  readonly next_date_from: SourceDates['why'] | null;
  /** Business dates before `last_date` that neither succeeded nor are waived. */
  readonly gaps: number;
  readonly gap_dates: readonly string[];
  /** The sources that go from date to date together. */
  readonly group: string | null;
  readonly group_next_date: string | null;
  /** Whether others of the group are further. */
  readonly holds_group_back: boolean;
  /** Run manifests that cannot be used, by their path in the lake. */
  readonly unreadable_manifests: readonly string[];
}

/** How a source and its target stand. */
export interface SourceStatus extends SourceCounts, SourceDateStatus {
  readonly source: string;
  readonly target: string;
  /** `loading`: a live run holds the target. `problems`: files failed for good or are held, or the next business date failed. */
  readonly state: 'never run' | 'ok' | 'loading' | 'problems' | 'retrying' | 'interrupted';
  /** Seconds since the last success. */
  readonly age_seconds: number | null;
  /** Up to where a table was read. */
  readonly watermark: WatermarkStatus | null;
  readonly lock: {
    readonly run_id: string;
    readonly pid: number;
    readonly host: string;
    readonly actor: string;
    readonly since: string;
    readonly alive: boolean;
  } | null;
}

/** Up to where a source that is read incrementally was read; the keys are those of the command line. */
export interface WatermarkStatus {
  readonly column: string;
  readonly value: string | null;
  readonly type: string;
  /** What keeps it from going further: an open transaction, say. */
  readonly held_back: string | null;
}

export interface OverviewRequest {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The name of this machine, to tell whether the process of a lease still runs. */
  readonly host: string;
  /** Sources that are configured; they appear even if they never ran. */
  readonly sources?: readonly { readonly name: string; readonly target: string }[];
  /** Of the sources that take part in business dates. */
  readonly dates?: BusinessDates;
  /** The newest date that succeeded, of others that have run manifests. */
  readonly lastDates?: ReadonlyMap<string, string>;
  /** By source. */
  readonly watermarks?: ReadonlyMap<string, WatermarkStatus>;
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

const NOTHING: SourceCounts = {
  last_success: null,
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

interface CountedSource {
  readonly source: string;
  readonly target: string;
  readonly counts: SourceCounts;
}

function countsOf(row: SqlRow): SourceCounts {
  const count = (name: string): number => Number(row[name] ?? 0);
  return {
    last_success: textOf(row, 'last_success'),
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

function dateStatus(source: string, { dates, lastDates }: OverviewRequest): SourceDateStatus {
  const own = dates?.sources.find((one) => one.source === source);
  const group = own?.enabled === true ? dates?.groups.find((one) => one.group === own.group) : undefined;
  return {
    last_date: own?.last ?? lastDates?.get(source) ?? null,
    next_date: own?.next ?? null,
    next_date_state: own?.nextState ?? null,
    next_date_from: own?.why ?? null,
    gaps: own?.gaps.length ?? 0,
    gap_dates: own?.gaps ?? [],
    group: own?.group ?? null,
    group_next_date: group?.next ?? null,
    holds_group_back: group !== undefined && isHoldingBack(group, source),
    unreadable_manifests: own?.problems.map(({ place }) => place) ?? [],
  };
}

/** Whether a group waits for a source while others are further. */
function isHoldingBack({ sources, heldBackBy, unknown }: BusinessDates['groups'][number], source: string): boolean {
  if (unknown.includes(source)) return true;
  return heldBackBy.includes(source) && heldBackBy.length < sources.length;
}

/** The later of what events and run manifests say. */
function lastSuccess(counts: SourceCounts, dates: SourceDates | undefined): string | null {
  const [first = null, second = null] = [counts.last_success, dates?.lastAt];
  if (first === null || second === null) return first ?? second;
  return Date.parse(first) < Date.parse(second) ? second : first;
}

function stateOf(counts: SourceCounts, at: Pick<SourceStatus, 'lock' | 'next_date_state' | 'last_success'>) {
  if (at.lock?.alive === true) return 'loading';
  if (counts.failed + counts.dead_letter + counts.held > 0 || at.next_date_state === 'failed') return 'problems';
  if (counts.in_progress > 0) return 'interrupted';
  if (counts.waiting > 0) return 'retrying';
  return counts === NOTHING && at.last_success === null ? 'never run' : 'ok';
}

function statusOf(
  { source, target, counts }: CountedSource,
  lock: SourceStatus['lock'],
  request: OverviewRequest,
): SourceStatus {
  const own = request.dates?.sources.find((one) => one.source === source);
  const success = lastSuccess(counts, own);
  const dates = dateStatus(source, request);
  return {
    source,
    target,
    state: stateOf(counts, { ...dates, lock, last_success: success }),
    ...counts,
    last_success: success,
    age_seconds: success === null ? null : Math.max(0, Math.round((request.now - Date.parse(success)) / 1000)),
    ...dates,
    watermark: request.watermarks?.get(source) ?? null,
    lock,
  };
}

/** How every source stands that is configured or that ever ingested something, by name. */
export async function overview(
  { session, catalog }: ReadEventsDeps,
  request: OverviewRequest,
): Promise<readonly SourceStatus[]> {
  const snapshot = await catalog.findSnapshot(EVENT_TABLE);
  const counted = new Map<string, CountedSource>();
  for (const { name, target } of request.sources ?? []) {
    counted.set(`${name}\n${target}`, { source: name, target, counts: NOTHING });
  }
  if (snapshot !== undefined) {
    const events = await catalog.table(EVENT_TABLE).scan({ slot: 'status_events', snapshot, files: snapshot.files });
    for (const row of await session.rows(fillSql(readSqlFile('ingest', 'count_source_files'), { events }))) {
      const [source, target] = [String(row['source']), String(row['target'])];
      counted.set(`${source}\n${target}`, { source, target, counts: countsOf(row) });
    }
  }
  const leases = new Map((await listLeases(catalog.store)).map((lease) => [lease.name, lockOf(lease, request)]));
  return [...counted.values()]
    .map((one) => statusOf(one, leases.get(one.target) ?? null, request))
    .sort((a, b) => (`${a.source}\n${a.target}` < `${b.source}\n${b.target}` ? -1 : 1));
}
