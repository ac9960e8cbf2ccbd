import { type Clock, systemClock } from '../base/clock.js';
import { type SqlFragment, trustedFragment } from '../base/sql-file.js';
import { Session } from '../duckdb/session.js';
import { LocalStore } from '../storage/local-store.js';
import { DeltaTable } from './delta-table.js';

export interface OpenTableOptions {
  /** The DuckDB to work in; without it the table opens its own on the first use and `close` ends it. */
  readonly session?: Session;
  readonly clock?: Clock;
  /** `name/version` of the program, for `commitInfo.engineInfo`. */
  readonly engineInfo?: string;
}

/** A table and the DuckDB that reads and writes its files. */
export interface OpenTable {
  readonly table: DeltaTable;
  /** Runs a statement in the table's DuckDB: what it creates can be appended or merged. */
  session(): Promise<Session>;
  close(): Promise<void>;
}

/** A Delta table in a local folder, which need not be there yet. */
export function openTable(folder: string, options: OpenTableOptions = {}): OpenTable {
  let own: Promise<Session> | undefined;
  const session = async (): Promise<Session> => {
    if (options.session !== undefined) return options.session;
    own ??= Session.open();
    return own;
  };
  const table = new DeltaTable({
    store: new LocalStore(folder),
    engine: session,
    clock: options.clock ?? systemClock,
    engineInfo: options.engineInfo ?? 'lakeledger',
  });
  const close = async () => (await own)?.close();
  return { table, session, close };
}

/** SQL text of a program, for places that take a relation. Values belong into `params`, not into the text. */
export function sql(text: string): SqlFragment {
  return trustedFragment(text);
}
