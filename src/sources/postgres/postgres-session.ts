import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { backoff, type Clock } from '../../base/clock.js';
import { EXIT, LakeError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { SourceColumn } from './column-types.js';
import { writeRows } from './copy-rows.js';
import { describeSource, type ServerSource } from './describe.js';
import { codeOf, configError, postgresError } from './errors.js';
import type { ExtractFrom, Extraction, ExtractRequest, PostgresConnection, SourceDescription } from './model.js';
import { PulledRows } from './pulled-rows.js';
import { openSnapshot } from './snapshot.js';
import { boundError, planFilter, type RowFilter } from './watermark-clause.js';
import { PostgresWire, placeOf } from './wire.js';

const NO_DATABASE = '3D000';
/** Exponent of the first wait between two tries (a third of a second), and the longest one. */
const FIRST_WAIT = 6;
const LONGEST_WAIT_MS = 10_000;

export interface PostgresDeps {
  readonly clock: Clock;
  /** Stops what the server is doing. */
  readonly signal?: AbortSignal;
}

export interface PullOptions {
  /** An existing folder for files. */
  readonly scratch: string;
  /** What the files are called in it, without an extension. */
  readonly name: string;
  /** Called with the rows and bytes that have come so far. */
  readonly onProgress?: (rows: number, bytes: number) => void;
}

/** How the server is to write values, and for how long it may work; of the transaction only. */
function settingsOf(connection: PostgresConnection, executionDate: string): Record<string, string> {
  return {
    timezone: 'UTC',
    datestyle: 'ISO, YMD',
    intervalstyle: 'iso_8601',
    extra_float_digits: '1',
    bytea_output: 'hex',
    standard_conforming_strings: 'on',
    client_encoding: 'UTF8',
    statement_timeout: String(connection.statementTimeoutMs),
    lock_timeout: String(connection.lockTimeoutMs),
    idle_in_transaction_session_timeout: String(connection.idleTimeoutMs),
    'lakeledger.execution_date': executionDate,
  };
}

function selected({ name, kind }: SourceColumn): SqlFragment {
  const column = identifier(name);
  if (kind !== 'json') return trustedFragment(`source.${column}`);
  return trustedFragment(fillSql(readSqlFile('sources', 'pg_value_json'), { column }).trim());
}

/** The COPY that sends the rows: the mark, then the columns. */
function copyText({ relation, columns }: ServerSource, { mark, where }: RowFilter): string {
  const values = joinFragments([mark, ...columns.map(selected)], ', ');
  const rows = trustedFragment(fillSql(readSqlFile('sources', 'pg_rows'), { values, relation, where }).trim());
  return fillSql(readSqlFile('sources', 'pg_copy'), { rows });
}

/** The names of the databases of a server, if one can be reached that everybody may use. */
async function nearDatabases(connection: PostgresConnection): Promise<string | undefined> {
  try {
    const wire = await PostgresWire.connect({ ...connection, database: 'postgres' });
    try {
      const rows = await wire.rows(readSqlFile('sources', 'pg_near_databases'));
      return didYouMean(
        connection.database,
        rows.map((row) => row['name'] ?? ''),
      );
    } finally {
      await wire.close();
    }
  } catch {
    return undefined;
  }
}

/**
 * A connection to a server that reads tables and queries, one at a time, each in a transaction of its own that sees one snapshot and can change nothing.
 * A connection that breaks before the first row comes is made again. Rejects with a `LakeError`: `CONNECTION` and `TIMEOUT` (worth another try), `AUTH`,
 * `TLS`, `PERMISSION`, `CONFIG` (exit code 2), `POSTGRES`; with the reason of the signal when that was given.
 */
export class PostgresSession {
  readonly #connection: PostgresConnection;
  readonly #deps: PostgresDeps;
  #wire: PostgresWire | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #cancelled: Promise<void> | undefined;

  /** Use `openPostgres`. */
  constructor(connection: PostgresConnection, deps: PostgresDeps) {
    this.#connection = connection;
    this.#deps = deps;
    deps.signal?.addEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = () => {
    this.#cancelled = this.#wire?.cancel().catch(() => undefined);
  };

  /** Connects unless it is connected. */
  async open(): Promise<void> {
    await this.#inTurn(() => this.#tries({ from: undefined, isOver: () => false }, async () => undefined));
  }

  /** What a table or a query is. */
  describe(from: ExtractFrom, executionDate = '1970-01-01'): Promise<SourceDescription> {
    const work = async (wire: PostgresWire) => {
      await wire.rows(readSqlFile('sources', 'pg_begin'));
      await this.#set(wire, settingsOf(this.#connection, executionDate));
      const place = placeOf(this.#connection, from);
      const { kind, columns, canSeeLateRows } = await describeSource({ wire, from, columns: undefined, place });
      await wire.rows(readSqlFile('sources', 'pg_commit'));
      const told = columns.map(({ name, postgresType, type, nullable }) => {
        return { name, postgresType, declaredType: type, nullable };
      });
      return { kind, columns: told, canSeeLateRows };
    };
    return this.#inTurn(() => this.#tries({ from, isOver: () => false }, work));
  }

  /** Brings rows into a file; no DuckDB is needed. On failure nothing is left. */
  pull(request: ExtractRequest, options: PullOptions): Promise<PulledRows> {
    return this.#inTurn(async () => {
      const file = join(options.scratch, `${options.name}.tsv`);
      const parquet = join(options.scratch, `${options.name}.parquet`);
      let hasBegun = false;
      const onProgress = (rows: number, bytes: number) => {
        hasBegun = true;
        options.onProgress?.(rows, bytes);
      };
      try {
        return await this.#tries({ from: request.from, isOver: () => hasBegun }, (wire) =>
          this.#pull(wire, request, { file, parquet, onProgress }),
        );
      } catch (error) {
        await rm(file, { force: true });
        throw error;
      }
    });
  }

  /** `pull` and then `toParquet` in one. */
  async extract(request: ExtractRequest, options: PullOptions & { readonly session: Session }): Promise<Extraction> {
    return (await this.pull(request, options)).toParquet(options.session);
  }

  async close(): Promise<void> {
    this.#deps.signal?.removeEventListener('abort', this.#onAbort);
    await this.#cancelled;
    await this.#wire?.close();
    this.#wire = undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #connected(): Promise<PostgresWire> {
    if (this.#wire === undefined || this.#wire.isLost) {
      this.#wire = await PostgresWire.connect(this.#connection, this.#deps.signal);
    }
    this.#deps.signal?.throwIfAborted();
    return this.#wire;
  }

  /** Works with a connection, and again with another one when it breaks, unless it is too late for that. */
  async #tries<T>(
    { from, isOver }: { readonly from: ExtractFrom | undefined; readonly isOver: () => boolean },
    work: (wire: PostgresWire) => Promise<T>,
  ): Promise<T> {
    const { clock, signal } = this.#deps;
    for (let tries = 1; ; tries++) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        await this.#leave();
        signal?.throwIfAborted();
        const known = await this.#explained(error, from);
        const isAgain =
          known.code === 'CONNECTION' && known.retryable && !isOver() && tries < this.#connection.attempts;
        if (!isAgain) throw known;
        await pause(backoff(clock, FIRST_WAIT + tries, LONGEST_WAIT_MS), signal);
      }
    }
  }

  /** After a failure: whatever state it left the connection in, nobody goes on with it. */
  async #leave(): Promise<void> {
    await this.#cancelled;
    this.#wire?.destroy();
    this.#wire = undefined;
  }

  async #explained(error: unknown, from: ExtractFrom | undefined): Promise<LakeError> {
    const place = placeOf(this.#connection, from);
    const known = postgresError(error, place);
    const cause = error instanceof LakeError ? error.cause : error;
    if (codeOf(cause) !== NO_DATABASE) return known;
    const { database } = this.#connection;
    return configError(`the server has no database "${database}"`, place, await nearDatabases(this.#connection));
  }

  async #set(wire: PostgresWire, settings: Readonly<Record<string, string>>): Promise<void> {
    await wire.rows(readSqlFile('sources', 'pg_settings'), [Object.keys(settings), Object.values(settings)]);
  }

  async #pull(
    wire: PostgresWire,
    request: ExtractRequest,
    to: { readonly file: string; readonly parquet: string; readonly onProgress: (rows: number, bytes: number) => void },
  ): Promise<PulledRows> {
    const { from, executionDate, watermark, columns: wanted } = request;
    const place = placeOf(this.#connection, from);
    const snapshot = await openSnapshot(wire, place, watermark?.type === 'integer');
    await this.#set(wire, settingsOf(this.#connection, executionDate));
    const source = await describeSource({ wire, from, columns: wanted, place });
    const filter = planFilter(watermark, { source, xmax: snapshot.xmax, place });
    await this.#set(wire, filter.settings);
    await this.#checkBound(wire, request, filter);
    const leftOut = await this.#countNulls(wire, request, { source, filter });
    const rows = await wire.copy(copyText(source, filter));
    const copied = await writeRows(rows, to.file, to.onProgress);
    // Only after a later statement it is sure that the number of rows has come.
    await wire.rows(readSqlFile('sources', 'pg_commit'));
    assertAllCame(copied.rows, rows.rowCount, place);
    return new PulledRows({
      file: to.file,
      parquet: to.parquet,
      copied,
      columns: source.columns,
      place,
      extractedAt: snapshot.facts.at,
      snapshot,
      watermark: filter.column,
      leftOut,
      canSeeLateRows: source.canSeeLateRows,
      notes: filter.notes,
    });
  }

  async #checkBound(wire: PostgresWire, request: ExtractRequest, { bound }: RowFilter): Promise<void> {
    if (bound === undefined || request.watermark === undefined) return;
    try {
      await wire.rows(fillSql(readSqlFile('sources', 'pg_lower'), { bound }));
    } catch (error) {
      if (!/^22/.test(codeOf(error))) throw error;
      throw boundError(request.watermark, error, placeOf(this.#connection, request.from));
    }
  }

  /** How many rows without a watermark are left out. Rejects with code `WATERMARK` when there is to be none. */
  async #countNulls(
    wire: PostgresWire,
    request: ExtractRequest,
    { source, filter }: { readonly source: ServerSource; readonly filter: RowFilter },
  ): Promise<number> {
    const nulls = request.watermark?.nulls ?? 'include';
    if (nulls === 'include' || filter.column?.nullable !== true) return 0;
    const parts = { relation: source.relation, column: identifier(filter.column.name) };
    const [row] = await wire.rows(fillSql(readSqlFile('sources', 'pg_null_count'), parts));
    const count = Number(row?.['rows']);
    if (nulls === 'exclude' || count === 0) return count;
    const message = `${count} row${count === 1 ? ' has' : 's have'} no value in the watermark column "${filter.column.name}"`;
    throw new LakeError('WATERMARK', message, {
      place: placeOf(this.#connection, request.from),
      exitCode: EXIT.data,
      hint: 'mend them, or set nulls of the watermark to include or exclude',
    });
  }
}

function assertAllCame(came: number, sent: number, place: string): void {
  if (came === sent) return;
  const message = `the server says that it sent ${sent} rows, and ${came} came: nothing is taken`;
  throw new LakeError('SOURCE_INCOMPLETE', message, { place, exitCode: EXIT.data, retryable: true });
}

/** Waits for so many milliseconds, or until the signal, with which it rejects. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
  signal?.throwIfAborted();
}

/** Connects to a server, with further tries when it cannot be reached. */
export async function openPostgres(connection: PostgresConnection, deps: PostgresDeps): Promise<PostgresSession> {
  const session = new PostgresSession(connection, deps);
  try {
    await session.open();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Connects, reads one table or query into a Parquet file, and disconnects before DuckDB begins. */
export async function extractTable(
  connection: PostgresConnection,
  request: ExtractRequest,
  options: PostgresDeps & PullOptions & { readonly session: Session },
): Promise<Extraction> {
  const server = await openPostgres(connection, options);
  let rows: PulledRows;
  try {
    rows = await server.pull(request, options);
  } finally {
    await server.close();
  }
  return rows.toParquet(options.session);
}
