import type { Clock } from '../../base/clock.js';
import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';
import { type LakeCatalog, SCHEMA_HISTORY_TABLE } from '../../ledger/index.js';
import type { NamedType } from '../load/target.js';
import type { Drift } from './drift.js';
import { mergeLayouts, type SeenLayout } from './merge-layouts.js';
import { type DatasetColumn, NO_TYPE } from './model.js';

export interface HistoryDeps {
  readonly session: Session;
  readonly catalog: LakeCatalog;
}

/** What changed from another version to this one. */
export interface VersionDrift extends Drift {
  /** Version of the file before; null for the first file of the dataset. */
  readonly from: number | null;
  /** The file that brought the change. */
  readonly file: string;
  readonly business_date: string | null;
}

/** One layout of the files of a dataset: a row of `metadata.schema_history`. */
export interface SchemaVersion {
  readonly dataset: string;
  /** From 1, in the order in which the layouts were first seen. */
  readonly version: number;
  readonly fingerprint: string;
  readonly columns: readonly DatasetColumn[];
  /** What changed when files of this layout came after files of another one; an entry for each such other layout, the first time first. */
  readonly drifts: readonly VersionDrift[];
  readonly status: 'accepted' | 'pending';
  readonly firstFile: string;
  readonly lastFile: string;
  readonly firstSha: string;
  /** ISO 8601 UTC. */
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  /** `YYYY-MM-DD`; null when paths say no date. */
  readonly firstBusinessDate: string | null;
  readonly lastBusinessDate: string | null;
  readonly acceptedAt: string | null;
  readonly acceptedBy: string | null;
  readonly reason: string | null;
  readonly runId: string;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function versionOf(row: SqlRow): SchemaVersion {
  const text = (name: string) => String(row[name] ?? '');
  return {
    dataset: text('dataset'),
    version: Number(row['schema_version']),
    fingerprint: text('fingerprint'),
    columns: JSON.parse(text('columns')) as DatasetColumn[],
    drifts: JSON.parse(text('drift')) as VersionDrift[],
    status: row['status'] === 'pending' ? 'pending' : 'accepted',
    firstFile: text('first_file'),
    lastFile: text('last_file'),
    firstSha: text('first_sha'),
    firstSeenAt: text('first_seen_at'),
    lastSeenAt: text('last_seen_at'),
    firstBusinessDate: textOrNull(row['first_business_date']),
    lastBusinessDate: textOrNull(row['last_business_date']),
    acceptedAt: textOrNull(row['accepted_at']),
    acceptedBy: textOrNull(row['accepted_by']),
    reason: textOrNull(row['reason']),
    runId: text('run_id'),
  };
}

function rowOf(version: SchemaVersion): object {
  return {
    dataset: version.dataset,
    schema_version: version.version,
    fingerprint: version.fingerprint,
    columns: JSON.stringify(version.columns),
    drift: JSON.stringify(version.drifts),
    status: version.status,
    first_file: version.firstFile,
    last_file: version.lastFile,
    first_sha: version.firstSha,
    first_seen_at: version.firstSeenAt,
    last_seen_at: version.lastSeenAt,
    first_business_date: version.firstBusinessDate,
    last_business_date: version.lastBusinessDate,
    accepted_at: version.acceptedAt,
    accepted_by: version.acceptedBy,
    reason: version.reason,
    run_id: version.runId,
  };
}

/** The versions of a dataset, or of all, in order. None when the lake has no schema history yet. */
export async function readSchemaHistory(
  { session, catalog }: HistoryDeps,
  dataset?: string,
): Promise<readonly SchemaVersion[]> {
  const snapshot = await catalog.findSnapshot(SCHEMA_HISTORY_TABLE);
  if (snapshot === undefined) return [];
  const table = catalog.table(SCHEMA_HISTORY_TABLE);
  const history = await table.scan({ slot: 'schema_history', snapshot, files: snapshot.files });
  const sql = fillSql(readSqlFile('ingest', 'schema_history'), { history: trustedFragment(history) });
  return (await session.rows(sql, { dataset: dataset ?? null })).map(versionOf);
}

/** Writes versions, each in the place of the one of the same layout. */
export async function writeVersions(
  { session, catalog }: HistoryDeps,
  versions: readonly SchemaVersion[],
): Promise<void> {
  if (versions.length === 0) return;
  await catalog.ensure(SCHEMA_HISTORY_TABLE);
  await session.run(readSqlFile('ingest', 'schema_history_stage'), { rows: JSON.stringify(versions.map(rowOf)) });
  await catalog.table(SCHEMA_HISTORY_TABLE).mergeInto({
    source: trustedFragment(readSqlFile('ingest', 'schema_history_rows').trim()),
    on: 'target.dataset = source.dataset AND target.fingerprint = source.fingerprint',
    whenMatched: [{ update: '*' }],
    whenNotMatched: [{ insert: '*' }],
  });
}

/** The layouts of a batch. */
export interface LayoutsRequest {
  readonly dataset: string;
  readonly runId: string;
  readonly layouts: readonly SeenLayout[];
}

/**
 * Keeps the layouts of a batch in `metadata.schema_history`: a new one gets the next version and what changed since the file before it,
 * a known one moves its first or last file. The same again changes nothing but when it was last seen. Returns versions by fingerprint.
 */
export async function recordLayouts(
  deps: HistoryDeps & { readonly clock: Clock },
  request: LayoutsRequest,
): Promise<ReadonlyMap<string, number>> {
  const known = await readSchemaHistory(deps, request.dataset);
  const now = new Date(deps.clock.now()).toISOString();
  const { all, changed } = mergeLayouts(known, { ...request, now });
  await writeVersions(deps, changed);
  return new Map(all.map(({ fingerprint, version }) => [fingerprint, version]));
}

/** Fingerprints of layouts that need no more asking. */
export function acceptedFingerprints(history: readonly SchemaVersion[]): ReadonlySet<string> {
  return new Set(history.flatMap(({ status, fingerprint }) => (status === 'accepted' ? [fingerprint] : [])));
}

/** The columns that the files of a dataset have had so far, with the types that are known; those of accepted layouts only. */
export function historyColumns(history: readonly SchemaVersion[]): NamedType[] {
  const found = new Map<string, NamedType>();
  for (const { columns, status } of history) {
    for (const { name, type } of status === 'accepted' ? columns : []) {
      const key = name.toLowerCase();
      if (type !== NO_TYPE && !found.has(key)) found.set(key, { name, type });
    }
  }
  return [...found.values()];
}

/** The names of all columns that files of accepted layouts have had, in the table. */
export function knownNames(history: readonly SchemaVersion[]): string[] {
  const accepted = history.filter(({ status }) => status === 'accepted');
  return [...new Set(accepted.flatMap(({ columns }) => columns.map(({ name }) => name)))];
}
