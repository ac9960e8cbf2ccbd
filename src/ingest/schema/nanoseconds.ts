import { fillSql, readSqlFile } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { TextPart } from './infer.js';

/** Whether every value of a TIMESTAMP_NS column is a whole number of microseconds. */
export async function keepsNanoseconds(session: Session, { relation, raw }: TextPart): Promise<boolean> {
  const sql = fillSql(readSqlFile('ingest', 'schema_nanoseconds'), { relation, column: raw });
  const [row] = await session.rows(sql);
  return Number(row?.['lost'] ?? 0) === 0;
}
