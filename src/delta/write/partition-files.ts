import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParam, SqlParams } from '../../duckdb/session.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePartitionValue } from '../protocol/partition-values.js';
import { duckdbType } from '../protocol/schema.js';
import { nodesOf, type SqlNode, usedParams } from './expression.js';

/** What a condition may be made of to say the same for all rows of a partition. */
const PLAIN: ReadonlySet<string> = new Set([
  'BETWEEN',
  'CAST',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'OPERATOR',
  'PARAMETER',
]);

/** Whether a condition (its syntax tree) is surely about partition columns alone, which may have the alias `target`. */
export function isAboutPartitions(snapshot: Snapshot, tree: SqlNode): boolean {
  const columns = new Set(snapshot.partitionColumns.map((column) => column.toLowerCase()));
  for (const node of nodesOf(tree)) {
    if (!PLAIN.has(node.class ?? '')) return false;
    if (node.class !== 'COLUMN_REF') continue;
    const names = (node['column_names'] as readonly string[]).map((name) => name.toLowerCase());
    const name = names.length === 2 && names[0] === 'target' ? names[1] : names.length === 1 ? names[0] : undefined;
    if (name === undefined || !columns.has(name)) return false;
  }
  return true;
}

/** The files of the partitions for which a condition on partition columns is true. Throws `SQL` when it is about another column. */
export async function partitionFiles(
  session: Session,
  snapshot: Snapshot,
  condition: { readonly sql: SqlFragment; readonly params?: SqlParams },
): Promise<readonly AddFile[]> {
  const { files, partitionColumns } = snapshot;
  const params: Record<string, SqlParam> = { partition_files: files.length };
  const columns = partitionColumns.flatMap((name, i) => {
    const type = snapshot.schema.fields.find((field) => field.name === name)?.type;
    const key = snapshot.physicalPartitionColumns[i] ?? name;
    if (type === undefined) return [];
    params[`partition_${i}`] = files.map((file) => parsePartitionValue(type, file.partitionValues[key] ?? null));
    return [trustedFragment(`unnest(CAST($partition_${i} AS ${duckdbType(type)}[])) AS ${identifier(name)}`)];
  });
  const listed = fillSql(readSqlFile('delta', 'partition_values'), { columns: joinFragments(columns, ', ') });
  const parts = { files: trustedFragment(listed), condition: condition.sql };
  const statement = fillSql(readSqlFile('delta', 'partition_files'), parts);
  const rows = await session.rows(statement, { ...usedParams(statement, condition.params), ...params });
  const wanted = new Set(rows.map((row) => Number(row['file_index'])));
  return files.filter((_, i) => wanted.has(i));
}
