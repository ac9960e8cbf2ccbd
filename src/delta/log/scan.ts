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
import { type DeltaField, duckdbType } from '../protocol/schema.js';
import { dataLocation } from './data-location.js';
import { bindDeletedRows } from './deleted-rows.js';
import { type PhysicalColumn, typedNull } from './physical-columns.js';
import { explainScanErrors } from './scan-errors.js';
import { bytesAreText, groupFiles, type ScanGroup } from './scan-groups.js';
import type { Snapshot } from './snapshot.js';

/** Extra columns of a scan: which of its files a row is in, and where in that file. */
export const FILE_INDEX = '_file_index';
export const FILE_ROW = '_file_row';

export interface ScanRequest {
  /** Letters, digits and `_`: what the scan is for. A scan ends when the next one of its slot is bound in the session. */
  readonly slot: string;
  readonly snapshot: Snapshot;
  /** Some or all of the snapshot's files. */
  readonly files: readonly AddFile[];
  /** Adds the columns `_file_index` (position in `files`) and `_file_row` (position in the file, from 0; deleted rows count). */
  readonly position?: boolean;
}

/** DuckDB expands `*`, `?` and `[` in file names; a bracket around each keeps them what they are. */
function escapeGlob(location: string): string {
  return location.replaceAll(/[[*?]/g, (char) => `[${char}]`);
}

/** Columns that `read_parquet` has besides those of the files. */
const VIRTUAL: ReadonlySet<string> = new Set(['file_index', 'file_row_number', 'filename']);

/** The name that a stored column has inside the scan: a table's own `file_index` must not hide DuckDB's. */
function scanName(column: string): string {
  return VIRTUAL.has(column.toLowerCase()) ? `_stored_${column}` : column;
}

/** A column that no file has: DuckDB wants at least one, and without one a file's own `file_index` would hide the scan's. */
const NO_COLUMN = { name: '_no_column', type: 'BOOLEAN' };

async function bindPartitions(session: Session, scan: string, { snapshot, files }: ScanRequest): Promise<void> {
  for (const [i, column] of snapshot.partitionColumns.entries()) {
    const field = snapshot.schema.fields.find((f) => f.name === column);
    const key = snapshot.physicalPartitionColumns[i] ?? column;
    if (field === undefined) continue;
    const values = files.map((file) => parsePartitionValue(field.type, file.partitionValues[key] ?? null));
    const sql = fillSql(readSqlFile('delta', 'set_scan_partition'), {
      scan: trustedFragment(scan),
      index: trustedFragment(String(i)),
      type: trustedFragment(duckdbType(field.type)),
    });
    await session.run(sql, { values });
  }
}

async function bindColumns(session: Session, scan: string, stored: readonly PhysicalColumn[]): Promise<void> {
  const columns = stored.length > 0 ? stored : [NO_COLUMN];
  await session.run(fillSql(readSqlFile('delta', 'set_scan_schema'), { scan: trustedFragment(scan) }), {
    columns: columns.map(({ name }) => name),
    names: columns.map(({ name }) => scanName(name)),
    types: columns.map(({ type }) => type),
  });
}

function columnExpression(scan: string, field: DeltaField, at: { partition: number; column?: PhysicalColumn }) {
  const name = identifier(field.name);
  if (at.partition >= 0) {
    return trustedFragment(`getvariable('${scan}_${at.partition}')[file_index::BIGINT + 1] AS ${name}`);
  }
  const value = at.column?.convert(identifier(scanName(at.column.name))) ?? typedNull(field.type);
  return trustedFragment(`${value} AS ${name}`);
}

/** The SELECT over one group of files; its variables begin with `scan`. */
async function bindGroup(
  session: Session,
  store: ObjectStore,
  { request, group, scan, locations }: { request: ScanRequest; group: ScanGroup; scan: string; locations: string[] },
): Promise<SqlFragment> {
  const { snapshot } = request;
  const prefix = trustedFragment(scan);
  const whole = group.positions.length === request.files.length;
  const files = whole ? request.files : group.positions.flatMap((position) => request.files[position] ?? []);
  const paths = group.positions.flatMap((position) => locations[position] ?? []).map(escapeGlob);
  await session.run(fillSql(readSqlFile('delta', 'set_scan_files'), { scan: prefix }), { files: paths });
  await bindPartitions(session, scan, { ...request, files });
  await bindColumns(session, scan, [...group.columns.values()]);
  const columns = snapshot.schema.fields.map((field) => {
    const column = group.columns.get(field.name);
    const partition = snapshot.partitionColumns.indexOf(field.name);
    return columnExpression(scan, field, { partition, ...(column && { column }) });
  });
  if (request.position) {
    if (!whole) {
      const indices = group.positions.map(String);
      await session.run(fillSql(readSqlFile('delta', 'set_scan_index'), { scan: prefix }), { indices });
    }
    const index = whole ? 'file_index' : `getvariable('${scan}_index')[file_index::BIGINT + 1]`;
    columns.push(trustedFragment(`${index} AS ${FILE_INDEX}, file_row_number AS ${FILE_ROW}`));
  }
  const kept = group.hasVectors
    ? await bindDeletedRows(session, store, { scan, snapshot, files })
    : trustedFragment('');
  const as_string = trustedFragment(String(bytesAreText(snapshot)));
  const parts = { scan: prefix, columns: joinFragments(columns, ', '), kept, as_string };
  return trustedFragment(fillSql(readSqlFile('delta', 'scan'), parts));
}

function emptyScan({ snapshot, position }: ScanRequest): SqlFragment {
  const columns = snapshot.schema.fields.map(({ name, type }) =>
    trustedFragment(`${typedNull(type)} AS ${identifier(name)}`),
  );
  if (position) columns.push(trustedFragment(`0::UBIGINT AS ${FILE_INDEX}, 0::BIGINT AS ${FILE_ROW}`));
  return trustedFragment(fillSql(readSqlFile('delta', 'scan_empty'), { columns: joinFragments(columns, ', ') }));
}

/** Throws `DELTA_SCHEMA` for a table that nothing can be selected from. */
export function assertColumns({ schema, path, version }: Snapshot): void {
  if (schema.fields.length > 0) return;
  const place = `${path}@${version}`;
  throw new LakeError('DELTA_SCHEMA', 'the table has no columns, so there is nothing to read', { place });
}

/**
 * Prepares a scan of data files and returns the SELECT that runs it in this session, with the logical columns of the snapshot: column mapping, older
 * types, columns that a file does not have and deletion vectors are resolved. DuckDB pushes filters and columns of the statement
 * around it down to Parquet. Running it fails with `DATA_FILE_MISSING` or `DATA_FILE_UNREADABLE` naming the file; binding it
 * fails with `DELTA_DELETION_VECTOR`.
 */
export async function bindScan(session: Session, store: ObjectStore, request: ScanRequest): Promise<SqlFragment> {
  const { snapshot, files, slot } = request;
  assertColumns(snapshot);
  if (files.length === 0) return emptyScan(request);
  const scan = `scan_${slot}`;
  const locations = files.map((file) => dataLocation(store, file.path));
  explainScanErrors(session, scan, { snapshot, locations });
  const groups = await groupFiles(session, { snapshot, files, locations, scan, escapeLocation: escapeGlob });
  const parts: SqlFragment[] = [];
  for (const [i, group] of groups.entries()) {
    const name = i === 0 ? scan : `${scan}_part${i}`;
    parts.push(await bindGroup(session, store, { request, group, scan: name, locations }));
  }
  return joinFragments(parts, ' UNION ALL ');
}
