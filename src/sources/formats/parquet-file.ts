import { LakeError, messageOf } from '../../base/lake-error.js';
import { fillSql, joinFragments, readSqlFile } from '../../base/sql-file.js';
import { Session } from '../../duckdb/session.js';
import { describeContent, isParquet } from './content.js';
import { type FileColumn, type FileToStage, formatError } from './model.js';
import { literalName, stageColumns } from './stage-tables.js';

const SMALL_BYTES = 4 * 1024 * 1024;

/** What DuckDB says, in one sentence and without the name of the file, which the message has anyway. */
function inOneSentence(error: unknown, file: FileToStage): string {
  const [first = ''] = messageOf(error).split('\n');
  return first
    .replace(/^DuckDB failed inside and was started again: /, '')
    .replace(/^(?:[A-Z][\w ]*? Error: )+/, '')
    .replaceAll(literalName(file.location), file.path)
    .replaceAll(file.location, file.path)
    .replaceAll(/ ?(?:for|in|of)? ?(?:the )?file ['"][^'"]*['"]:?/gi, '')
    .trim();
}

/**
 * Copies Parquet files in a DuckDB of its own, opened when first needed: some broken files make a whole instance unusable,
 * and nothing that is not written by DuckDB is read anywhere else.
 */
export class ParquetCopier {
  readonly #tempDirectory: string;
  #session: Session | undefined;

  constructor(tempDirectory: string) {
    this.#tempDirectory = tempDirectory;
  }

  /** Writes the rows of a file to `copy`, in their order and with columns `c0`, `c1` …; its columns and the number of its rows. */
  async copy(file: FileToStage, head: Buffer, copy: string): Promise<{ columns: FileColumn[]; rows: number }> {
    if (!isParquet(head)) {
      throw formatError(file, `it is to be Parquet but it looks like ${describeContent(head)}`, {
        hint: 'set `format` if it is something else, or have it delivered again',
      });
    }
    const params = { file: literalName(file.location) };
    try {
      this.#session ??= await Session.open({ threads: 1, tempDirectory: this.#tempDirectory });
      const session = this.#session;
      const work = async () => {
        const described = await session.rows(readSqlFile('sources', 'stage_parquet_describe'), params);
        const columns = described.map((row) => ({
          name: String(row['column_name']),
          type: String(row['column_type']),
        }));
        const sql = fillSql(readSqlFile('sources', 'stage_parquet_copy'), {
          columns: joinFragments(stageColumns(columns.length), ', '),
        });
        const [row] = await session.rows(sql, { ...params, copy });
        return { columns, rows: Number(row?.['Count'] ?? 0) };
      };
      // Setting the limits takes longer than reading a small file.
      return await (file.size > SMALL_BYTES ? session.withLimitedMemory(work) : work());
    } catch (error) {
      if (error instanceof LakeError && error.code === 'STORAGE') throw error;
      throw formatError(file, `DuckDB cannot read it as Parquet: ${inOneSentence(error, file)}`, {
        hint: 'the file is damaged, or written in a way that DuckDB does not know; have it delivered again',
      });
    }
  }

  close(): void {
    this.#session?.close();
    this.#session = undefined;
  }
}
