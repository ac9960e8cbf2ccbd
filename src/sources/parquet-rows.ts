import { messageOf } from '../base/lake-error.js';
import { readSqlFile } from '../base/sql-file.js';
import { Session } from '../duckdb/session.js';

export type ParquetCount = { readonly rows: number } | { readonly problem: string };

/**
 * Counts the rows of Parquet files in a DuckDB of its own, opened when first needed. Some broken files make a whole instance
 * unusable, so that a failure ends it and the next file gets a new one.
 */
export class ParquetRows {
  #session: Promise<Session> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** The number of rows, or why DuckDB cannot tell. One file at a time. */
  count(path: string): Promise<ParquetCount> {
    const counted = this.#last.then(() => this.#count(path));
    this.#last = counted;
    return counted;
  }

  async close(): Promise<void> {
    await this.#last;
    const session = this.#session;
    this.#session = undefined;
    (await session?.catch(() => undefined))?.close();
  }

  async #count(path: string): Promise<ParquetCount> {
    this.#session ??= Session.open({ threads: 1 });
    const session = await this.#session;
    try {
      const file = path.replaceAll(/[*?[]/g, '[$&]');
      const [row] = await session.rows(readSqlFile('sources', 'parquet_row_count'), { file });
      return { rows: Number(row?.['row_count']) };
    } catch (error) {
      this.#session = undefined;
      session.close();
      return { problem: messageOf(error).split('\n')[0] ?? '' };
    }
  }
}
