import { readSqlFile } from '../base/sql-file.js';
import { Session } from '../duckdb/session.js';
import { toJson } from '../duckdb/values.js';

/** One row of a Parquet file as a JSON object without the columns that are null; `row` counts from 1. */
export interface ParquetRow {
  readonly row: number;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A file name that DuckDB takes as it is and not as a glob. */
function literalName(file: string): string {
  return file.replaceAll(/[*?[]/g, '[$&]');
}

/**
 * The rows of a Parquet file, streamed. Reads in `session`, which stays open; without one, in a session of its own, because a broken
 * Parquet file can make a whole DuckDB instance unusable. Rejects with a `LakeError` of code `SQL` when DuckDB cannot read the file.
 */
export async function* readParquet(file: string, session?: () => Promise<Session>): AsyncGenerator<ParquetRow> {
  const used = session === undefined ? await Session.open({ threads: 1 }) : await session();
  try {
    let row = 0;
    for await (const rows of used.stream(readSqlFile('manifest', 'read_parquet'), { file: literalName(file) })) {
      for (const fields of rows) {
        const present = Object.entries(fields).filter(([, value]) => value !== null);
        yield { row: ++row, value: Object.fromEntries(present.map(([name, value]) => [name, toJson(value)])) };
      }
    }
  } finally {
    if (session === undefined) used.close();
  }
}
