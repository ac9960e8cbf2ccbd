import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Session } from '../../src/duckdb/session.js';
import { tempFolder } from './temp-folder.js';

/** A Parquet file with columns `id` and `v` that makes DuckDB fail inside: a variant whose first part has another name. */
export async function poisonedFile(): Promise<string> {
  const path = join(tempFolder(), 'poisoned.parquet');
  const session = await Session.open();
  try {
    await session.run(`COPY (SELECT 1::BIGINT AS id, 1::INTEGER::VARIANT AS v) TO '${path}' (FORMAT parquet)`);
  } finally {
    session.close();
  }
  const text = readFileSync(path, 'latin1');
  writeFileSync(path, text.replaceAll('metadata', 'metadatb'), 'latin1');
  return path;
}
