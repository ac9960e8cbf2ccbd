import { fillSql, readSqlFile, type SqlFragment } from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';

/** A fingerprint from the sum of the row hashes, as text, and the number of rows: 16 hex digits of the sum modulo 2^64, `-`, the number. */
export function renderFingerprint(sum: string, rows: number): string {
  return `${BigInt.asUintN(64, BigInt(sum)).toString(16).padStart(16, '0')}-${rows}`;
}

/**
 * The fingerprint of rows that have `_row_hash`: what stands after FROM is `relation`. It does not depend on their order, and rows that are there twice
 * count twice. A NULL in `_row_hash` counts as a row only.
 */
export async function rowFingerprint(session: Session, relation: SqlFragment, params: SqlParams = {}): Promise<string> {
  const [row] = await session.rows(fillSql(readSqlFile('sources', 'extract_fingerprint'), { relation }), params);
  return renderFingerprint(String(row?.['hash_sum'] ?? 0), Number(row?.['rows']));
}
