import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePartitionValue } from '../protocol/partition-values.js';
import { decodePath, isAbsolutePath } from '../protocol/paths.js';
import { type DeltaField, duckdbType } from '../protocol/schema.js';
import type { Snapshot } from './snapshot.js';

/** Extra columns of a scan: which of its files a row is in, and where in that file. */
export const FILE_INDEX = '_file_index';
export const FILE_ROW = '_file_row';

/** What DuckDB opens for a data file. Absolute paths are taken as they are (PROTOCOL.md, "Add File and Remove File"). */
function fileLocation(store: ObjectStore, file: Pick<AddFile, 'path'>): string {
  const path = decodePath(file.path);
  if (!isAbsolutePath(path)) return store.location(path);
  const local = /^file:(?:\/\/)?(\/.*)$/.exec(path)?.[1] ?? (path.startsWith('/') ? path : undefined);
  if (local === undefined)
    throw new LakeError('STORAGE', `a data file is in another store: ${path}`, { place: store.root });
  return local;
}

/** DuckDB expands `*`, `?` and `[` in file names; a bracket around each keeps them what they are. */
function escapeGlob(location: string): string {
  return location.replaceAll(/[[*?]/g, (char) => `[${char}]`);
}

async function bindPartitions(session: Session, scan: string, { snapshot, files }: ScanRequest): Promise<void> {
  for (const [i, column] of snapshot.partitionColumns.entries()) {
    const field = snapshot.schema.fields.find((f) => f.name === column);
    if (field === undefined) continue;
    const values = files.map((file) => parsePartitionValue(field.type, file.partitionValues[column] ?? null));
    const sql = fillSql(readSqlFile('delta', 'set_scan_partition'), {
      scan: trustedFragment(scan),
      index: trustedFragment(String(i)),
      type: trustedFragment(duckdbType(field.type)),
    });
    await session.run(sql, { values });
  }
}

/** Columns that `read_parquet` has besides those of the files. */
const VIRTUAL: ReadonlySet<string> = new Set(['file_index', 'file_row_number', 'filename']);

/** The name that a stored column has inside the scan: a table's own `file_index` must not hide DuckDB's. */
function scanName(column: string): string {
  return VIRTUAL.has(column.toLowerCase()) ? `_stored_${column}` : column;
}

function columnExpression(scan: string, field: DeltaField, partition: number): SqlFragment {
  const name = identifier(field.name);
  if (partition < 0) return trustedFragment(`${identifier(scanName(field.name))} AS ${name}`);
  return trustedFragment(`getvariable('${scan}_${partition}')[file_index::BIGINT + 1] AS ${name}`);
}

export interface ScanRequest {
  /** Letters, digits and `_`: what the scan is for. A scan ends when the next one of its slot is bound in the session. */
  readonly slot: string;
  readonly snapshot: Snapshot;
  /** Some or all of the snapshot's files. */
  readonly files: readonly AddFile[];
  /** Adds the columns `_file_index` (position in `files`) and `_file_row` (position in the file, from 0). */
  readonly position?: boolean;
}

/**
 * Prepares a scan of data files and returns the SELECT that runs it in this session; DuckDB pushes filters and columns
 * of the statement around it down to Parquet.
 */
export async function bindScan(session: Session, store: ObjectStore, request: ScanRequest): Promise<SqlFragment> {
  const { snapshot, files } = request;
  const withDv = files.find((file) => file.deletionVector != null);
  if (withDv !== undefined) {
    throw new LakeError(
      'DELTA_UNSUPPORTED',
      'this table uses the Delta table feature "deletionVectors", which lakeledger cannot read yet',
      {
        place: `${snapshot.path}@${snapshot.version}`,
      },
    );
  }
  const { fields } = snapshot.schema;
  if (files.length === 0) {
    const columns = fields.map((f) => trustedFragment(`CAST(NULL AS ${duckdbType(f.type)}) AS ${identifier(f.name)}`));
    if (request.position) columns.push(trustedFragment(`0::UBIGINT AS ${FILE_INDEX}, 0::BIGINT AS ${FILE_ROW}`));
    return trustedFragment(fillSql(readSqlFile('delta', 'scan_empty'), { columns: joinFragments(columns, ', ') }));
  }
  const scan = `scan_${request.slot}`;
  const prefix = trustedFragment(scan);
  const stored = fields.filter((f) => !snapshot.partitionColumns.includes(f.name));
  const locations = files.map((file) => escapeGlob(fileLocation(store, file)));
  await session.run(fillSql(readSqlFile('delta', 'set_scan_files'), { scan: prefix }), { files: locations });
  await bindPartitions(session, scan, request);
  const columns = fields.map((f) => columnExpression(scan, f, snapshot.partitionColumns.indexOf(f.name)));
  if (request.position) columns.push(trustedFragment(`file_index AS ${FILE_INDEX}, file_row_number AS ${FILE_ROW}`));
  if (stored.length > 0) {
    await session.run(fillSql(readSqlFile('delta', 'set_scan_schema'), { scan: prefix }), {
      columns: stored.map((f) => f.name),
      names: stored.map((f) => scanName(f.name)),
      types: stored.map((f) => duckdbType(f.type)),
    });
  }
  const template = readSqlFile('delta', stored.length > 0 ? 'scan' : 'scan_without_columns');
  return trustedFragment(fillSql(template, { scan: prefix, columns: joinFragments(columns, ', ') }));
}
