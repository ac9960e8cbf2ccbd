import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LakeError, messageOf } from '../../base/lake-error.js';
import { fillSql, identifier, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import { formatOfName, isParquet, startsAsJson } from './content.js';
import { planCsv } from './csv-file.js';
import { planJson } from './json-file.js';
import {
  type FileColumn,
  type FileFormat,
  type FileToStage,
  type FormatOptions,
  formatError,
  type RejectedRow,
  type StagedFile,
  type StagedGroup,
} from './model.js';
import { ParquetCopier } from './parquet-file.js';
import { StageTables } from './stage-tables.js';
import { loadCsv, loadJson, loadParquet, type StageTarget } from './stage-writer.js';
import { TextPool } from './text-pool.js';
import { packingOf, readHead, TextReader } from './text-reader.js';

const REJECTS_PER_INSERT = 500;

export interface FileStageOptions {
  /** Where the rows are staged. */
  readonly session: Session;
  /** An existing folder for temporary files. */
  readonly scratch: string;
  /** Called with the number of bytes read since the last call. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Rows of files in a session, ready to be selected: CSV and JSON as text without loss, Parquet in its types. Each file is added alone; one that cannot be
 * read leaves nothing behind. Files of one layout come as one group.
 */
export class FileStage {
  readonly #session: Session;
  readonly #scratch: string;
  readonly #onProgress: (bytes: number) => void;
  readonly #tables: StageTables;
  readonly #pool: TextPool;
  readonly #parquet: ParquetCopier;
  readonly #rejectTable: SqlFragment;
  #hasRejects = false;
  #rejects: RejectedRow[] = [];
  #rejected = 0;
  #kept: string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: FileStageOptions) {
    this.#session = options.session;
    this.#scratch = options.scratch;
    this.#onProgress = options.onProgress ?? (() => undefined);
    this.#tables = new StageTables(options.session);
    this.#pool = new TextPool(options.session, this.#tables);
    this.#parquet = new ParquetCopier(options.scratch);
    this.#rejectTable = identifier(`${this.#tables.prefix}_rejects`);
  }

  /**
   * Stages one file; files that are added at the same time take turns. Rejects with a `LakeError`: `SOURCE_FORMAT` when the content cannot be read,
   * `SOURCE_UNREADABLE` (worth another try) when the bytes cannot be had.
   */
  add(file: FileToStage, options: FormatOptions = {}): Promise<StagedFile> {
    const added = this.#last.then(() => this.#add(file, options));
    this.#last = added.catch(() => undefined);
    return added;
  }

  /**
   * Stages a Parquet file that this process has written itself, with these columns and rows. It is read where it is, and stays the
   * caller's; other Parquet files go through `add`, which reads them where they can do no harm.
   */
  addOwn(file: FileToStage, content: { readonly columns: readonly FileColumn[]; readonly rows: number }): StagedFile {
    const { columns, rows } = content;
    const layout = this.#tables.layout('parquet', columns);
    layout.files.set(file.no, columns);
    layout.copies.push({ no: file.no, path: file.location, from: columns.map(({ name }) => name) });
    return { no: file.no, format: 'parquet', columns, rows, rejected: 0, notes: [] };
  }

  /** What has been staged so far, by layout. Rejects when rows could not be staged for a reason that no file alone accounts for. */
  async groups(): Promise<readonly StagedGroup[]> {
    await this.#last;
    await this.#pool.flush();
    return this.#tables.groups();
  }

  /** `SELECT _file_no, line, column_name, error, text` of the rows that could not be read; undefined when there are none. */
  rejects(): SqlFragment | undefined {
    if (!this.#hasRejects) return undefined;
    return trustedFragment(fillSql(readSqlFile('sources', 'stage_select_rejects'), { table: this.#rejectTable }));
  }

  /** Removes all tables and files of the stage. */
  async drop(): Promise<void> {
    await this.#last;
    this.#parquet.close();
    await this.#tables.drop();
    if (this.#hasRejects) {
      await this.#session.run(fillSql(readSqlFile('sources', 'stage_drop_table'), { table: this.#rejectTable }));
    }
    this.#hasRejects = false;
    for (const path of this.#kept) rmSync(path, { force: true });
    this.#kept = [];
  }

  async #add(file: FileToStage, options: FormatOptions): Promise<StagedFile> {
    const base = join(this.#scratch, `${this.#tables.prefix}_${file.no}`);
    const temporary = { text: `${base}.txt`, copy: `${base}.parquet` };
    let copied = false;
    this.#rejects = [];
    this.#rejected = 0;
    try {
      const staged = await this.#stage(file, options, temporary);
      await this.#flushRejects(file.no);
      copied = staged.copied;
      return staged.file;
    } catch (error) {
      await this.#remove(file.no);
      throw asSourceError(file, error);
    } finally {
      rmSync(temporary.text, { force: true });
      if (copied) this.#kept.push(temporary.copy);
      else rmSync(temporary.copy, { force: true });
    }
  }

  async #stage(file: FileToStage, options: FormatOptions, temporary: { text: string; copy: string }) {
    const start = readHead(file);
    const head = start.bytes;
    const format = formatOf(file, options, head);
    const target = this.#target(file.no, temporary.copy);
    if (format === 'parquet') return this.#addParquet(file, head, target);
    if (isParquet(head)) {
      throw formatError(file, `it is to be ${format.toUpperCase()} but it looks like Parquet`, {
        hint: 'set `format: parquet` if that is what it is',
      });
    }
    const reader = await TextReader.open(file, start, {
      encoding: options.encoding ?? 'auto',
      onProgress: this.#onProgress,
    });
    const pass = {
      reader,
      onReject: (row: RejectedRow) => this.#reject(file.no, row),
      onRestart: () => this.#restart(file.no),
    };
    if (format === 'csv') {
      const plan = await planCsv({ ...pass, options, copy: temporary.text });
      const columns: FileColumn[] = plan.names.map((name) => ({ name, type: 'TEXT' }));
      const load = () => loadCsv(target, plan, options.nullValues ?? []);
      return this.#finish(file, { format, columns, ...plan }, load);
    }
    const plan = await planJson({ ...pass, records: options.records, spill: temporary.text });
    return this.#finish(file, { format, ...plan }, () => loadJson(target, plan, temporary.text));
  }

  #target(no: number, copy: string): StageTarget {
    return { session: this.#session, tables: this.#tables, pool: this.#pool, no, copy };
  }

  async #finish(
    file: FileToStage,
    found: Omit<StagedFile, 'no'>,
    load: () => Promise<{ rows: number; copied: boolean }>,
  ): Promise<{ file: StagedFile; copied: boolean }> {
    const { format, columns, rows, rejected } = found;
    const notes = [...found.notes, ...(columns.length === 0 && rows === 0 ? ['empty'] : [])];
    const staged: StagedFile = { no: file.no, format, columns, rows, rejected, notes };
    if (columns.length === 0 && rows === 0) return { file: staged, copied: false };
    const loaded = await load();
    if (loaded.rows !== rows) {
      throw formatError(file, `it has ${rows} rows, but DuckDB reads ${loaded.rows}; none of them is taken`, {
        hint: 'this is a mistake of lakeledger or of DuckDB: please report it with the file',
      });
    }
    return { file: staged, copied: loaded.copied };
  }

  async #addParquet(
    file: FileToStage,
    head: Buffer,
    target: StageTarget,
  ): Promise<{ file: StagedFile; copied: boolean }> {
    const { columns, rows } = await this.#parquet.copy(file, head, target.copy);
    const loaded = await loadParquet(target, columns, file.size);
    this.#onProgress(file.size);
    if (!loaded.copied && loaded.rows !== rows)
      throw formatError(file, `its copy has ${loaded.rows} rows and not ${rows}`);
    return { file: { no: file.no, format: 'parquet', columns, rows, rejected: 0, notes: [] }, copied: loaded.copied };
  }

  async #reject(no: number, row: RejectedRow): Promise<void> {
    this.#rejects.push(row);
    this.#rejected++;
    if (this.#rejects.length >= REJECTS_PER_INSERT) await this.#flushRejects(no);
  }

  async #flushRejects(no: number): Promise<void> {
    if (this.#rejects.length === 0) return;
    const table = this.#rejectTable;
    if (!this.#hasRejects) await this.#session.run(fillSql(readSqlFile('sources', 'stage_create_rejects'), { table }));
    this.#hasRejects = true;
    const sql = fillSql(readSqlFile('sources', 'stage_rejects'), { table });
    await this.#session.run(sql, { no, rows: JSON.stringify(this.#rejects) });
    this.#rejects = [];
  }

  /** A pass over a file begins anew. */
  async #restart(no: number): Promise<void> {
    const wasFlushed = this.#rejected > this.#rejects.length;
    this.#rejects = [];
    this.#rejected = 0;
    if (wasFlushed) await this.#removeRejects(no);
  }

  async #remove(no: number): Promise<void> {
    this.#pool.remove(no);
    await this.#tables.remove(no);
    if (this.#rejected > 0) await this.#removeRejects(no);
  }

  async #removeRejects(no: number): Promise<void> {
    if (!this.#hasRejects) return;
    await this.#session.run(fillSql(readSqlFile('sources', 'stage_delete_file'), { table: this.#rejectTable }), { no });
  }
}

/** The format of a file: what the options say, else its name, else its content. */
function formatOf(file: FileToStage, options: FormatOptions, head: Buffer): FileFormat {
  if (options.format !== undefined && options.format !== 'auto') return options.format;
  const named = formatOfName(file.path);
  if (named !== undefined) return named;
  if (isParquet(head)) return 'parquet';
  return packingOf(head) === null && startsAsJson(head) ? 'json' : 'csv';
}

/** Whatever went wrong, in the words of this module. */
function asSourceError(file: FileToStage, error: unknown): unknown {
  // A failed engine has lost what was staged before, which is more than this file's matter; so is an interruption.
  if (error instanceof LakeError && (error.code !== 'SQL' || /^INTERRUPT/.test(error.message))) return error;
  const [first = ''] = messageOf(error).split('\n');
  const isMemory = /^Out of Memory/.test(first);
  if (isMemory || (error as { syscall?: unknown } | null)?.syscall !== undefined) {
    const hint = isMemory
      ? 'ingest fewer files at a time'
      : 'look at the folder for temporary files: is there room, may it be written to?';
    return new LakeError('STORAGE', `${file.path} cannot be staged: ${first}`, {
      place: file.path,
      retryable: true,
      hint,
      cause: error,
    });
  }
  return formatError(file, `DuckDB cannot read it: ${first.replace(/^(?:[A-Z][\w ]*? Error: )+/, '')}`, {
    hint: 'please report this with the file: what it holds was found to be well-formed before',
  });
}
