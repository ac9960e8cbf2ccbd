import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';
import type { LakeCatalog } from '../../ledger/index.js';
import { EVENT_TABLE } from '../../ledger/tables.js';
import type { FileEvent } from '../model.js';
import { compareEvents, FileStates } from '../plan/state.js';

export interface ReadEventsDeps {
  readonly session: Session;
  readonly catalog: LakeCatalog;
}

/** Which events; what is left out does not filter. */
export interface EventFilter {
  readonly source?: string;
  readonly target?: string;
  readonly path?: string;
  /** `path` also stands for paths that end with it, and for those that it ends with. */
  readonly loosePath?: boolean;
  /** The beginning of a SHA-256 or of a git blob id, lower case. */
  readonly sha?: string;
  /** `YYYY-MM-DD`: a business date or an ingest date. */
  readonly date?: string;
}

/** Events in order, and the version of the event log that they were read from: the `seq` of what is decided with them. */
export interface FileEvents {
  readonly events: readonly FileEvent[];
  readonly version: number;
}

type Json = Readonly<Record<string, unknown>>;

function textOr<T>(value: unknown, other: T): string | T {
  return typeof value === 'string' ? value : other;
}

function numberOr<T>(value: unknown, other: T): number | T {
  return typeof value === 'number' ? value : other;
}

/** The event in a row of the queries in `sql/ingest/`. */
function fileEventOf(row: SqlRow): FileEvent {
  const detail = JSON.parse(String(row['ingest'])) as Json;
  return {
    source: textOr(row['source'], ''),
    target: textOr(row['target'], ''),
    path: textOr(row['path'], ''),
    sha: textOr(row['sha'], ''),
    status: row['status'] as FileEvent['status'],
    action: textOr(detail['action'], 'load') as FileEvent['action'],
    rule: textOr(detail['rule'], 'new') as FileEvent['rule'],
    reason: textOr(detail['reason'], ''),
    seq: numberOr(detail['seq'], 0),
    at: textOr(row['at'], ''),
    runId: textOr(detail['run_id'], ''),
    batch: numberOr(detail['batch'], null),
    rows: numberOr(detail['rows'], null),
    attempt: numberOr(detail['attempt'], 1),
    nextRetryAt: textOr(detail['next_retry_at'], null),
    errorCode: textOr(detail['error_code'], null),
    error: textOr(row['error'], null),
    reprocess: row['reprocess'] === true,
    gitSha: textOr(detail['git_sha'], null),
    size: row['size'] === null ? null : Number(row['size']),
    businessDate: textOr(detail['business_date'], null),
    schemaVersion: numberOr(detail['schema_version'], null),
    detail,
  };
}

async function readWith(deps: ReadEventsDeps, statement: string, params: SqlParams): Promise<FileEvents> {
  const table = deps.catalog.table(EVENT_TABLE);
  const snapshot = await table.findSnapshot();
  if (snapshot === undefined) return { events: [], version: 0 };
  const events = await table.scan({ slot: 'file_events', snapshot, files: snapshot.files });
  const rows = await deps.session.rows(fillSql(statement, { events: trustedFragment(events) }), params);
  const found = rows.map(fileEventOf).sort(compareEvents);
  // Events that came from another lake have seen a longer log than this one; what is decided after them comes after them.
  return { events: found, version: Math.max(snapshot.version, found.at(-1)?.seq ?? 0) };
}

/** The events of `ingest` that a filter lets through, in order. Nothing when the lake has no event log yet. */
export function readFileEvents(deps: ReadEventsDeps, filter: EventFilter = {}): Promise<FileEvents> {
  const { source = null, target = null, path = null, sha = null, date = null, loosePath: loose = false } = filter;
  return readWith(deps, readSqlFile('ingest', 'read_file_events'), { source, target, path, sha, date, loose });
}

/**
 * The events that decisions about these files can depend on, of a source and target with any number of other files:
 * `new FileStates(events)` decides them as if it had all events.
 */
export function readRelatedEvents(
  deps: ReadEventsDeps,
  request: {
    /** Without it, those of every source of the target. */
    readonly source?: string;
    readonly target: string;
    readonly files: readonly { readonly path: string; readonly sha: string }[];
  },
): Promise<FileEvents> {
  const { source = null, target, files } = request;
  const paths = [...new Set(files.map(({ path }) => path))];
  const shas = [...new Set(files.map(({ sha }) => sha))];
  return readWith(deps, readSqlFile('ingest', 'read_related_events'), { source, target, paths, shas });
}

/** The PROCESSING events that have no end: what runs that died were at, and what live ones are at. */
export async function readOpenEvents(
  deps: ReadEventsDeps,
  request: { readonly source?: string; readonly target?: string } = {},
): Promise<FileEvents> {
  const { source = null, target = null } = request;
  const { events, version } = await readWith(deps, readSqlFile('ingest', 'read_open_events'), { source, target });
  const byTarget = new Map<string, FileEvent[]>();
  for (const event of events) {
    const key = `${event.source}\n${event.target}`;
    const some = byTarget.get(key);
    if (some === undefined) byTarget.set(key, [event]);
    else some.push(event);
  }
  return { events: [...byTarget.values()].flatMap((some) => new FileStates(some).open()), version };
}

/** Whether the ledger has any event of a source and target: a target with rows and no events has lost its state. */
export async function hasFileEvents(
  deps: ReadEventsDeps,
  { source, target }: { readonly source?: string; readonly target: string },
): Promise<boolean> {
  const table = deps.catalog.table(EVENT_TABLE);
  const snapshot = await table.findSnapshot();
  if (snapshot === undefined) return false;
  const events = await table.scan({ slot: 'any_event', snapshot, files: snapshot.files });
  const rows = await deps.session.rows(fillSql(readSqlFile('ingest', 'find_any_event'), { events }), {
    source: source ?? null,
    target,
  });
  return rows.length > 0;
}

/** The last batch of a source that the ledger knows to be committed; 0 when it knows none. The end of a batch is told in one commit. */
export async function readKnownBatch(
  deps: ReadEventsDeps,
  { source, target }: { readonly source: string; readonly target: string },
): Promise<number> {
  const table = deps.catalog.table(EVENT_TABLE);
  const snapshot = await table.findSnapshot();
  if (snapshot === undefined) return 0;
  const events = await table.scan({ slot: 'file_events', snapshot, files: snapshot.files });
  const statement = fillSql(readSqlFile('ingest', 'read_known_batch'), { events: trustedFragment(events) });
  const [row] = await deps.session.rows(statement, { source, target });
  return Number(row?.['batch'] ?? 0);
}

/** The PROCESSING events of batches after `known`. */
export function readUntoldEvents(
  deps: ReadEventsDeps,
  request: { readonly source: string; readonly target: string; readonly known: number },
): Promise<FileEvents> {
  return readWith(deps, readSqlFile('ingest', 'read_untold_events'), { ...request });
}
