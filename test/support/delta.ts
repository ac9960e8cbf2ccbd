import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { type SqlFragment, trustedFragment } from '../../src/base/sql-file.js';
import { DeltaTable, type QueryTable, schemaFromDuckdb, select, type VersionAt } from '../../src/delta/index.js';
import { Session } from '../../src/duckdb/session.js';
import type { SqlRow } from '../../src/duckdb/values.js';
import { LocalStore } from '../../src/storage/local-store.js';
import type { ObjectStore } from '../../src/storage/object-store.js';

export async function openSession(): Promise<Session> {
  const session = await Session.open();
  onTestFinished(() => session.close());
  return session;
}

/** A handle on the table in `folder`, as another process would have it. */
export function tableIn(
  folder: string,
  session: Session,
  options: { clock?: Clock; store?: ObjectStore } = {},
): DeltaTable {
  return new DeltaTable({
    store: options.store ?? new LocalStore(folder),
    engine: async () => session,
    clock: options.clock ?? systemClock,
    engineInfo: 'lakeledger/test',
  });
}

export function columns(spec: Readonly<Record<string, string>>) {
  return schemaFromDuckdb(Object.entries(spec).map(([name, type]) => ({ name, type })));
}

/** SQL text of a test, for places that take a relation. */
export function sql(text: string): SqlFragment {
  return trustedFragment(text);
}

/** Rows of a statement over one table, named `t` in it. */
export async function query(
  session: Session,
  table: DeltaTable,
  text: string,
  options: { at?: VersionAt; skipping?: boolean } = {},
): Promise<{ rows: readonly SqlRow[]; read: number; files: number }> {
  const snapshot = await table.snapshot(options.at);
  const bound: QueryTable = { store: new LocalStore(table.path), snapshot };
  const result = await select(session, {
    sql: text,
    tables: { find: async (name) => (name === 't' ? bound : undefined), names: async () => ['t'] },
    ...(options.skipping === undefined ? {} : { skipping: options.skipping }),
  });
  const [scanned] = result.scanned;
  return { rows: result.rows, read: scanned?.read ?? 0, files: scanned?.files ?? 0 };
}
