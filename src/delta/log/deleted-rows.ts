import { fillSql, identifier, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { AddFile } from '../protocol/actions.js';
import { decodePath } from '../protocol/paths.js';
import { rowRanges } from '../protocol/row-set.js';
import { vectorReader } from './deletion-vectors.js';
import type { Snapshot } from './snapshot.js';

interface DeletedRows {
  readonly scan: string;
  readonly snapshot: Snapshot;
  /** Files with deletion vectors, in the order in which DuckDB counts them. */
  readonly files: readonly AddFile[];
}

/** So many ranges are handed to DuckDB at once. */
const CHUNK = 100_000;

/**
 * Puts the deleted rows of the files into a temporary table of the session and returns the condition that leaves them out. Throws
 * `DELTA_DELETION_VECTOR` for a vector that cannot be read.
 */
export async function bindDeletedRows(
  session: Session,
  store: ObjectStore,
  deleted: DeletedRows,
): Promise<SqlFragment> {
  const { scan, snapshot, files } = deleted;
  const table = identifier(`_${scan}_deleted`);
  await session.run(fillSql(readSqlFile('delta', 'scan_deleted_table'), { deleted: table }));
  const insert = fillSql(readSqlFile('delta', 'scan_deleted_rows'), { deleted: table });
  let positions: number[] = [];
  let starts: number[] = [];
  let ends: number[] = [];
  const flush = async () => {
    if (positions.length === 0) return;
    await session.run(insert, { positions: positions.join(), starts: starts.join(), ends: ends.join() });
    [positions, starts, ends] = [[], [], []];
  };
  const read = vectorReader(store);
  for (const [position, { path, deletionVector }] of files.entries()) {
    if (deletionVector == null) continue;
    const place = `${decodePath(path)} of ${snapshot.path}@${snapshot.version}`;
    for (const { start, end } of rowRanges(await read(deletionVector, place))) {
      positions.push(position);
      starts.push(start);
      ends.push(end);
      if (positions.length >= CHUNK) await flush();
    }
  }
  await flush();
  return trustedFragment(fillSql(readSqlFile('delta', 'scan_kept'), { deleted: table }));
}
