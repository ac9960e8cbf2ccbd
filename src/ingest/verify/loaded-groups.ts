import { LakeError } from '../../base/lake-error.js';
import { fillSql, readSqlFile } from '../../base/sql-file.js';
import type { Snapshot } from '../../delta/index.js';
import type { Session } from '../../duckdb/session.js';
import type { LakeCatalog } from '../../ledger/index.js';
import { LINEAGE } from '../load/target.js';

/** Rows of one file that one run put into a target. A row that says nothing of its origin has nulls. */
export interface LoadedGroup {
  readonly path: string | null;
  readonly sha: string | null;
  readonly runId: string | null;
  readonly rows: number;
  /** How many different `_row_no` they have; null when nobody counted. */
  readonly distinctRows: number | null;
  /** The first `_ingest_date`, `YYYY-MM-DD`. */
  readonly ingestDate: string | null;
}

/** What reading targets needs. */
export interface TargetReader {
  readonly session: Session;
  readonly catalog: LakeCatalog;
}

/** Whether a table has the columns that `ingest` gives to its targets. */
export function hasLineage(snapshot: Snapshot): boolean {
  const names = new Set(snapshot.schema.fields.map((field) => field.name));
  // What was rescued says nothing of where a row came from.
  return LINEAGE.every(({ name }) => names.has(name) || name === '_rescued_data');
}

/** Nobody can say whether a table that cannot be opened has lineage. */
function ignoreDamage(error: unknown): undefined {
  if (!(error instanceof LakeError)) throw error;
}

/** Names of the tables of a lake that have lineage columns, sorted. Those of the ledger are none. */
export async function findBronzeTables(catalog: LakeCatalog): Promise<string[]> {
  const targets: string[] = [];
  for (const name of await catalog.names()) {
    if (name.startsWith('metadata.')) continue;
    const snapshot = await catalog.findSnapshot(name).catch(ignoreDamage);
    if (snapshot !== undefined && hasLineage(snapshot)) targets.push(name);
  }
  return targets;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Counts the rows of a target by file and run: one GROUP BY over the lineage columns. `distinct` also counts row numbers. */
export async function readLoadedGroups(
  { session, catalog }: TargetReader,
  target: string,
  { snapshot, distinct }: { readonly snapshot: Snapshot; readonly distinct: boolean },
): Promise<LoadedGroup[]> {
  const relation = await catalog.table(target).scan({ slot: 'verified', snapshot, files: snapshot.files });
  const text = distinct ? readSqlFile('ingest', 'verify_loaded_rows') : readSqlFile('ingest', 'verify_loaded');
  const read = () => session.rows(fillSql(text, { relation }));
  // Row numbers of a whole table may be more than fits.
  const rows = await (distinct && !session.limited ? session.withLimitedMemory(read, 'large') : read());
  return rows.map((row) => ({
    path: textOf(row['path']),
    sha: textOf(row['sha']),
    runId: textOf(row['run_id']),
    rows: Number(row['rows']),
    distinctRows: row['distinct_rows'] == null ? null : Number(row['distinct_rows']),
    ingestDate: textOf(row['ingest_date']),
  }));
}
