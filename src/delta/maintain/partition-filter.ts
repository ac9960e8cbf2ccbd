import { LakeError, usageError } from '../../base/lake-error.js';
import { fillSql, identifier, joinFragments, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session, SqlParam } from '../../duckdb/session.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePartitionValue } from '../protocol/partition-values.js';
import { duckdbType } from '../protocol/schema.js';
import { parseSelect } from '../query/parse-select.js';

function wrongCondition(where: string, snapshot: Snapshot, cause?: unknown): LakeError {
  const columns = snapshot.partitionColumns.map((column) => `"${column}"`).join(', ');
  return usageError(`the condition is not about partition columns alone: ${where}`, {
    place: `${snapshot.path}@${snapshot.version}`,
    hint: columns === '' ? 'the table has no partitions: leave the condition out' : `its partition columns: ${columns}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The files of the partitions that satisfy a SQL condition on partition columns. Throws a usage error for a condition that
 * names another column or does not only read.
 */
export async function filesWhere(
  session: Session,
  snapshot: Snapshot,
  where: string | undefined,
): Promise<readonly AddFile[]> {
  const { files, partitionColumns } = snapshot;
  if (where === undefined) return files;
  if (partitionColumns.length === 0) throw wrongCondition(where, snapshot);
  const params: Record<string, SqlParam> = { files: files.length };
  const columns = partitionColumns.flatMap((name, i) => {
    const type = snapshot.schema.fields.find((field) => field.name === name)?.type;
    const key = snapshot.physicalPartitionColumns[i] ?? name;
    if (type === undefined) return [];
    params[`partition_${i}`] = files.map((file) => parsePartitionValue(type, file.partitionValues[key] ?? null));
    return [trustedFragment(`unnest(CAST($partition_${i} AS ${duckdbType(type)}[])) AS ${identifier(name)}`)];
  });
  const listed = fillSql(readSqlFile('delta', 'optimize_partitions'), { columns: joinFragments(columns, ', ') });
  // The condition is the user's own SQL; the parser below lets it only read.
  const fragments = { files: trustedFragment(listed), where: trustedFragment(where) };
  const sql = fillSql(readSqlFile('delta', 'optimize_where'), fragments);
  try {
    await parseSelect(session, sql);
    const rows = await session.rows(sql, params);
    const wanted = new Set(rows.map((row) => Number(row['_file_index'])));
    return files.filter((_, i) => wanted.has(i));
  } catch (error) {
    if (error instanceof LakeError && (error.code === 'SQL' || error.code === 'USAGE')) {
      throw wrongCondition(where, snapshot, error);
    }
    throw error;
  }
}
