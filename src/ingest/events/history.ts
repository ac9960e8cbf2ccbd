import { usageError } from '../../base/lake-error.js';
import { fillSql, readSqlFile } from '../../base/sql-file.js';
import type { AddFile, Snapshot } from '../../delta/index.js';
import type { SqlRow } from '../../duckdb/values.js';
import { EVENT_TABLE, RUN_TABLE } from '../../ledger/tables.js';
import type { ReadEventsDeps } from './read-events.js';

/** Which events of the log; what is left out does not filter. */
export interface EventListFilter {
  readonly source?: string;
  /** A path, or its end. */
  readonly path?: string;
  /** The beginning of a sha. */
  readonly sha?: string;
  readonly status?: string;
  readonly type?: string;
  /** ISO 8601 with a zone; from then on. */
  readonly since?: string;
  /** ISO 8601 with a zone; before then. */
  readonly until?: string;
  /** The beginning of a run id. */
  readonly run?: string;
}

/** Columns of `listEvents`. */
export const EVENT_COLUMNS = [
  'recorded_at',
  'event_type',
  'status',
  'source',
  'path',
  'rows',
  'rule',
  'reason',
  'target',
  'sha',
  'run_id',
  'actor',
  'event_id',
] as const;

const EVERYTHING = Number.MAX_SAFE_INTEGER;

async function readEvents(
  { session, catalog }: ReadEventsDeps,
  filter: EventListFilter,
  at: { readonly snapshot: Snapshot; readonly files: readonly AddFile[]; readonly limit: number },
): Promise<readonly SqlRow[]> {
  const { snapshot, files, limit } = at;
  const events = await catalog.table(EVENT_TABLE).scan({ slot: 'listed_events', snapshot, files });
  const { source = null, path = null, sha = null, status = null, type = null } = filter;
  const { since = null, until = null, run = null } = filter;
  const params = { source, path, sha, status, type, since, until, run, limit };
  const rows = await session.rows(fillSql(readSqlFile('ingest', 'list_events'), { events }), params);
  return rows.map(({ row_count, happened_at, ...row }) => ({ ...row, rows: row_count ?? null }));
}

/**
 * The newest `limit` events of the log, oldest of them first, and the version they were read at (-1: there is no log yet).
 */
export async function listEvents(
  deps: ReadEventsDeps,
  filter: EventListFilter,
  limit: number,
): Promise<{ readonly rows: readonly SqlRow[]; readonly version: number }> {
  const snapshot = await deps.catalog.findSnapshot(EVENT_TABLE);
  if (snapshot === undefined) return { rows: [], version: -1 };
  const rows = await readEvents(deps, filter, { snapshot, files: snapshot.files, limit });
  return { rows, version: snapshot.version };
}

/** The events that were committed after a version of the log, in order, and the version they go to. */
export async function listEventsAfter(
  deps: ReadEventsDeps,
  filter: EventListFilter,
  version: number,
): Promise<{ readonly rows: readonly SqlRow[]; readonly version: number }> {
  if (version < 0) return listEvents(deps, filter, EVERYTHING);
  const table = deps.catalog.table(EVENT_TABLE);
  const snapshot = await table.snapshot();
  if (snapshot.version <= version) return { rows: [], version };
  const commits = (await table.commitsAfter(version)).filter((commit) => commit.version <= snapshot.version);
  const files = commits.flatMap(({ actions }) =>
    // Compaction writes files too, of events that were told already.
    actions.flatMap((action) => ('add' in action && action.add.dataChange ? [action.add] : [])),
  );
  const rows = files.length === 0 ? [] : await readEvents(deps, filter, { snapshot, files, limit: EVERYTHING });
  return { rows, version: snapshot.version };
}

/** Which runs; what is left out does not filter. */
export interface RunFilter {
  readonly source?: string;
  readonly status?: string;
  /** The beginning of a run id. */
  readonly run?: string;
}

/** Runs of `ingest`, newest first: one row per run and source. None when nothing was ingested yet. */
export async function listRuns(
  { session, catalog }: ReadEventsDeps,
  filter: RunFilter = {},
  limit: number = EVERYTHING,
): Promise<readonly SqlRow[]> {
  const snapshot = await catalog.findSnapshot(RUN_TABLE);
  if (snapshot === undefined) return [];
  const runs = await catalog.table(RUN_TABLE).scan({ slot: 'listed_runs', snapshot, files: snapshot.files });
  const { source = null, status = null, run = null } = filter;
  return session.rows(fillSql(readSqlFile('ingest', 'list_runs'), { runs }), { source, status, run, limit });
}

const SHOWN_CANDIDATES = 5;

/** A run with what it did with each file. */
export interface RunStory {
  readonly run_id: string;
  /** One per source. */
  readonly sources: readonly SqlRow[];
  readonly files: readonly SqlRow[];
}

/** A run by the beginning of its id. Throws a usage error when there is none, or several. */
export async function showRun(deps: ReadEventsDeps, prefix: string): Promise<RunStory> {
  const sources = await listRuns(deps, { run: prefix });
  const ids = [...new Set(sources.map((row) => String(row['run_id'])))];
  const whole = ids.find((id) => id === prefix);
  const [runId = ''] = whole === undefined ? ids : [whole];
  if (ids.length === 0) {
    throw usageError(`there is no run "${prefix}"`, { hint: 'lakeledger runs list' });
  }
  if (ids.length > 1 && whole === undefined) {
    const more = ids.length > SHOWN_CANDIDATES ? `, … ${ids.length - SHOWN_CANDIDATES} more` : '';
    throw usageError(`"${prefix}" begins the id of ${ids.length} runs`, {
      hint: `one of ${ids.slice(0, SHOWN_CANDIDATES).join(', ')}${more}`,
    });
  }
  const { session, catalog } = deps;
  const snapshot = await catalog.findSnapshot(EVENT_TABLE);
  const shown = sources.filter((row) => row['run_id'] === runId);
  if (snapshot === undefined) return { run_id: runId, sources: shown, files: [] };
  const events = await catalog.table(EVENT_TABLE).scan({ slot: 'run_events', snapshot, files: snapshot.files });
  const files = await session.rows(fillSql(readSqlFile('ingest', 'list_run_files'), { events }), { run: runId });
  return { run_id: runId, sources: shown, files };
}
