import { createRequire } from 'node:module';
import type { DuckDBConnection, DuckDBInstance, DuckDBType, DuckDBValue, DuckDBValueConverter } from '@duckdb/node-api';
import { LakeError, messageOf } from '../base/lake-error.js';
import { fillSql, readSqlFile, trustedFragment } from '../base/sql-file.js';
import { type SqlRow, type SqlValue, sqlValueConverter } from './values.js';

/** What may be bound to `$name`. Whole numbers are bound as integers, arrays as VARCHAR[]. */
export type SqlParam = null | boolean | number | bigint | string | readonly (string | null)[];
export type SqlParams = Readonly<Record<string, SqlParam>>;

export interface SessionOptions {
  readonly threads?: number;
  /** Where DuckDB spills when the limit is reached; nothing is kept there afterwards. */
  readonly tempDirectory?: string;
}

export interface SqlColumn {
  readonly name: string;
  /** DuckDB's name of the type, e.g. `BIGINT`. */
  readonly type: string;
}

export interface SqlResult {
  readonly columns: readonly SqlColumn[];
  readonly rows: readonly SqlRow[];
}

/** DuckDB's own text; a full disk is a matter of storage, and may be over at the next try. */
function sqlError(error: unknown): LakeError {
  if (error instanceof LakeError) return error;
  const message = messageOf(error);
  if (/No space left on device|Disk quota exceeded/.test(message)) {
    const hint = 'free some disk space and run the same command again; nothing is half-visible';
    return new LakeError('STORAGE', message, { cause: error, hint, retryable: true });
  }
  return new LakeError('SQL', message, { cause: error });
}

interface Engine {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
}

async function startEngine(driver: Driver, options: SessionOptions): Promise<Engine> {
  const config: Record<string, string> = {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  };
  if (options.threads !== undefined) config['threads'] = String(options.threads);
  if (options.tempDirectory !== undefined) config['temp_directory'] = options.tempDirectory;
  const instance = await driver.DuckDBInstance.create(':memory:', config);
  const connection = await instance.connect();
  await connection.run(readSqlFile('duckdb', 'use_utc'));
  return { instance, connection };
}

function stopEngine({ connection, instance }: Engine): void {
  connection.closeSync();
  instance.closeSync();
}

/** Code of the error of a stream that ended before its statement did. */
export const SQL_CUT = 'SQL_CUT';

/** Code of the error of a statement that made DuckDB shut its instance down. */
const ENGINE_FAILED = 'ENGINE_FAILED';

/** DuckDB found a mistake in itself; after most of these it refuses every further statement. */
const FATAL = /^(?:INTERNAL|FATAL) Error|database has been invalidated/;

function engineError(error: LakeError): LakeError {
  const [first = '', ...more] = error.message.split('\n');
  const original = more.map((line) => /^Original error: "(.*)"$/.exec(line)?.[1]).find((text) => text !== undefined);
  return new LakeError(ENGINE_FAILED, `DuckDB failed inside and was started again: ${original ?? first}`, {
    cause: error,
    hint: 'the statement cannot be run on this data; a damaged or hostile Parquet file is a usual reason. Others can be run',
  });
}

/** Says more about an SQL error than DuckDB does; undefined when it knows nothing about it. */
export type ErrorExplainer = (error: LakeError) => LakeError | undefined;

/** How much memory limited work gets: `small` is for rows of the ledger, `large` for those of files, with all threads. */
export type MemoryLimit = 'small' | 'large';

function limits(limit: MemoryLimit): string[] {
  return [
    ...(limit === 'small'
      ? [readSqlFile('duckdb', 'limit_memory'), readSqlFile('duckdb', 'limit_threads')]
      : [readSqlFile('duckdb', 'limit_memory_large')]),
    readSqlFile('duckdb', 'limit_write_buffer'),
    readSqlFile('duckdb', 'limit_file_cache'),
  ];
}

function resets(memory: string): string[] {
  return [
    fillSql(readSqlFile('duckdb', 'raise_memory'), { memory: trustedFragment(memory) }),
    readSqlFile('duckdb', 'reset_memory'),
    readSqlFile('duckdb', 'reset_threads'),
    readSqlFile('duckdb', 'reset_write_buffer'),
    readSqlFile('duckdb', 'reset_file_cache'),
  ];
}

type Driver = typeof import('@duckdb/node-api');

/** `import()` reads each of the hundred CommonJS files of the driver twice, the first time for the names they export: 100 ms. */
const load = createRequire(import.meta.url);

/**
 * One in-memory DuckDB with one connection. Loads the driver lazily, because that costs more than starting Node.
 * SQL errors reject with a `LakeError` of code `SQL` that keeps DuckDB's text.
 *
 * An error inside DuckDB shuts its instance down. The statement then rejects with `ENGINE_FAILED` and a new, empty instance takes
 * the place of the old one: tables, views and variables are gone, and with them an open transaction; `generation` tells.
 */
export class Session {
  readonly #driver: Driver;
  readonly #options: SessionOptions;
  readonly #converter: DuckDBValueConverter<SqlValue>;
  readonly #explainers = new Map<string, ErrorExplainer>();

  #engine: Engine;
  #generation = 0;
  #interrupted = false;
  #limit: MemoryLimit | undefined;

  private constructor(driver: Driver, engine: Engine, options: SessionOptions) {
    this.#driver = driver;
    this.#engine = engine;
    this.#options = options;
    this.#converter = sqlValueConverter(driver.DuckDBTypeId);
  }

  static async open(options: SessionOptions = {}): Promise<Session> {
    const driver = load('@duckdb/node-api') as Driver;
    return new Session(driver, await startEngine(driver, options), options);
  }

  /** Counts the instances that failed: what was made in an earlier generation is not there any more. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether `withLimitedMemory` is at work. */
  get limited(): boolean {
    return this.#limit !== undefined;
  }

  get #connection(): DuckDBConnection {
    return this.#engine.connection;
  }

  /** Asks `explain` about every SQL error from now on, in place of an earlier one of the same name. */
  explainErrors(name: string, explain: ErrorExplainer): void {
    this.#explainers.set(name, explain);
  }

  /** Runs one statement for its effect. */
  async run(sql: string, params?: SqlParams): Promise<void> {
    const [values, types] = this.#bind(params);
    await this.#guard(() => this.#connection.run(sql, values, types));
  }

  /** Runs one statement and returns all its rows. */
  async rows(sql: string, params?: SqlParams): Promise<readonly SqlRow[]> {
    return (await this.query(sql, params)).rows;
  }

  /** Runs one statement and returns its columns and all its rows. */
  async query(sql: string, params?: SqlParams): Promise<SqlResult> {
    const [values, types] = this.#bind(params);
    return this.#guard(async () => {
      const reader = await this.#connection.runAndReadAll(sql, values, types);
      return {
        columns: reader.columnNames().map((name, i) => ({ name, type: String(reader.columnTypes()[i]) })),
        rows: reader.convertRowObjects(this.#converter) as readonly SqlRow[],
      };
    });
  }

  /**
   * Runs one statement that reads and yields its rows in chunks; memory stays bounded. `onColumns` is called before the
   * first chunk. Rejects with code `SQL_CUT` when the statement fails after some rows.
   */
  async *stream(
    sql: string,
    params?: SqlParams,
    onColumns?: (columns: readonly SqlColumn[]) => void,
  ): AsyncGenerator<readonly SqlRow[]> {
    const statement = trustedFragment(sql.replace(/;(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/, ''));
    const [values, types] = this.#bind(params);
    const wrapped = fillSql(readSqlFile('duckdb', 'stream'), { statement });
    const result = await this.#guard(() => this.#connection.stream(wrapped, values, types));
    const columns = result.deduplicatedColumnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }));
    onColumns?.(columns.slice(0, -1));
    let whole = false;
    this.#interrupted = false;
    const chunks = result.yieldConvertedRowObjects(this.#converter) as AsyncIterable<Record<string, SqlValue>[]>;
    for await (const rows of chunks) {
      if (rows.at(-1)?.['_whole'] === true) {
        whole = true;
        rows.pop();
      }
      for (const row of rows) delete row['_whole'];
      if (rows.length > 0) yield rows;
    }
    if (whole) return;
    if (this.#interrupted) throw new LakeError('SQL', 'INTERRUPT Error: Interrupted!');
    await this.#replaceIfFailed(this.#generation);
    // The driver keeps the reason to itself; the caller may run the statement as a whole to hear it.
    throw new LakeError(SQL_CUT, 'the statement failed after some of its rows', { retryable: true });
  }

  /** Runs `work` with DuckDB's memory bounded: large tables of the session spill to disk. Inside another it does nothing of its own. */
  async withLimitedMemory<T>(work: () => Promise<T>, limit: MemoryLimit = 'small'): Promise<T> {
    if (this.#limit !== undefined) return work();
    const [before] = await this.rows(readSqlFile('duckdb', 'memory_limit'));
    for (const sql of limits(limit)) await this.run(sql);
    this.#limit = limit;
    try {
      return await work();
    } finally {
      this.#limit = undefined;
      for (const sql of resets(String(before?.['memory_limit']))) await this.run(sql);
    }
  }

  /** The same for as long as the session is open. */
  async limitMemory(limit: MemoryLimit): Promise<void> {
    for (const sql of limits(limit)) await this.run(sql);
    this.#limit = limit;
  }

  /** Inside `withLimitedMemory`, hands memory that statements have freed back to the operating system. */
  async releaseMemory(): Promise<void> {
    const [memory] = this.#limit === undefined ? [] : limits(this.#limit);
    if (memory !== undefined) await this.run(memory);
  }

  /** Stops the statement that is running, if any. */
  interrupt(): void {
    this.#interrupted = true;
    this.#connection.interrupt();
  }

  close(): void {
    stopEngine(this.#engine);
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    const generation = this.#generation;
    try {
      return await work();
    } catch (error) {
      const known = sqlError(error);
      if (FATAL.test(known.message) && (await this.#replaceIfFailed(generation))) throw engineError(known);
      throw this.#explained(known);
    }
  }

  #explained(error: LakeError): LakeError {
    if (error.code !== 'SQL') return error;
    for (const explain of this.#explainers.values()) {
      const better = explain(error);
      if (better !== undefined) return better;
    }
    return error;
  }

  /** Starts a new instance if that of `generation` answers no more; whether it is gone. */
  async #replaceIfFailed(generation: number): Promise<boolean> {
    if (generation !== this.#generation) return true;
    try {
      await this.#connection.run(readSqlFile('duckdb', 'probe'));
      return false;
    } catch (error) {
      // An error before it in the same transaction makes the probe fail as well, with other words.
      if (!FATAL.test(messageOf(error))) return false;
    }
    const failed = this.#engine;
    this.#generation += 1;
    this.#engine = await startEngine(this.#driver, this.#options);
    stopEngine(failed);
    for (const sql of this.#limit === undefined ? [] : limits(this.#limit)) await this.#connection.run(sql);
    return true;
  }

  #bind(
    params: SqlParams | undefined,
  ): [Record<string, DuckDBValue> | undefined, Record<string, DuckDBType> | undefined] {
    if (params === undefined) return [undefined, undefined];
    const { VARCHAR, BIGINT, INTEGER, DOUBLE, BOOLEAN, SQLNULL, LIST, listValue } = this.#driver;
    const values: Record<string, DuckDBValue> = {};
    const types: Record<string, DuckDBType> = {};
    for (const [name, value] of Object.entries(params)) {
      if (typeof value === 'number' && Number.isSafeInteger(value)) {
        const small = Math.abs(value) < 2 ** 31;
        values[name] = small ? value : BigInt(value);
        types[name] = small ? INTEGER : BIGINT;
      } else if (Array.isArray(value)) {
        values[name] = listValue(value as (string | null)[]);
        types[name] = LIST(VARCHAR);
      } else {
        values[name] = value as DuckDBValue;
        types[name] =
          value === null
            ? SQLNULL
            : ({ string: VARCHAR, bigint: BIGINT, number: DOUBLE, boolean: BOOLEAN }[typeof value as string] ??
              VARCHAR);
      }
    }
    return [values, types];
  }
}
