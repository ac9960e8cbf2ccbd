import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.js';
import type { DeltaTable } from '../../src/delta/index.js';
import type { Action, CommitInfo } from '../../src/delta/protocol/actions.js';
import { vectorPlace } from '../../src/delta/protocol/deletion-vector.js';
import { decodePath } from '../../src/delta/protocol/paths.js';
import type { Session } from '../../src/duckdb/session.js';
import { LocalStore } from '../../src/storage/local-store.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { columns, openSession, query, sql, tableIn } from './delta.js';
import { tempFolder } from './temp-folder.js';

/** A table that a test writes to. */
export interface Written {
  readonly session: Session;
  readonly table: DeltaTable;
  readonly folder: string;
  /** Rows of a SELECT over the table `t`, each as JSON text of its values. */
  rows(text: string): Promise<string[]>;
  /** The actions of the newest commit. */
  lastCommit(): Promise<readonly Action[]>;
  lastInfo(): Promise<CommitInfo>;
  /** Files below the table that no commit names. */
  orphans(): Promise<string[]>;
}

export interface WrittenOptions {
  /** DuckDB types by column. */
  readonly columns?: Readonly<Record<string, string>>;
  readonly partitionColumns?: readonly string[];
  readonly configuration?: Readonly<Record<string, string>>;
  /** The first rows, as a SELECT. */
  readonly rows?: string;
  readonly clock?: Clock;
  readonly store?: (folder: string) => ObjectStore;
}

export const DELETION_VECTORS = { 'delta.enableDeletionVectors': 'true' };
export const CHANGE_FEED = { 'delta.enableChangeDataFeed': 'true' };
export const BY_NAME = { 'delta.columnMapping.mode': 'name' };
export const BY_ID = { 'delta.columnMapping.mode': 'id' };

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith('_delta_log'));
}

function namedFiles(action: Action): string[] {
  if ('cdc' in action) return [decodePath(action.cdc.path)];
  const file = 'add' in action ? action.add : 'remove' in action ? action.remove : undefined;
  if (file === undefined) return [];
  const vector = file.deletionVector == null ? undefined : vectorPlace(file.deletionVector, '');
  return [decodePath(file.path), ...(vector?.kind === 'file' ? [vector.path] : [])];
}

/** Files below a table's folder that no commit names. */
export async function orphansOf(table: DeltaTable): Promise<string[]> {
  const commits = await table.commitsAfter(-1);
  const named = new Set(commits.flatMap(({ actions }) => actions.flatMap(namedFiles)));
  return filesBelow(table.path).filter((path) => !named.has(path));
}

function valuesOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.values(row), (_, value) => (typeof value === 'bigint' ? Number(value) : value));
}

/** The handle `table` with what tests ask of it. */
export function written(table: DeltaTable, session: Session): Written {
  const lastCommit = async () => {
    const { version } = await table.snapshot();
    const [commit] = await table.commitsAfter(version - 1);
    return commit?.actions ?? [];
  };
  return {
    session,
    table,
    folder: table.path,
    rows: async (text) => (await query(session, table, text)).rows.map(valuesOf),
    lastCommit,
    lastInfo: async () => (await lastCommit()).flatMap((a) => ('commitInfo' in a ? [a.commitInfo] : []))[0] ?? {},
    orphans: () => orphansOf(table),
  };
}

/** A new table, with `rows` appended. */
export async function makeWritten(options: WrittenOptions = {}): Promise<Written> {
  const { partitionColumns = [], configuration = {}, clock = systemClock } = options;
  const session = await openSession();
  const folder = tempFolder();
  const store = options.store?.(folder) ?? new LocalStore(folder);
  const table = tableIn(folder, session, { clock, store });
  const schema = columns(options.columns ?? { id: 'BIGINT', name: 'VARCHAR', part: 'BIGINT' });
  await table.create({ schema, partitionColumns, configuration });
  if (options.rows !== undefined) await table.append(sql(options.rows));
  return written(table, session);
}

/** Ten rows `(id, name, part)`, five a partition. */
export const TEN = "SELECT range AS id, 'a' || range AS name, range // 5 AS part FROM range(10)";

/** Changes the text of a commit, as another writer might have written it; to be opened with a new handle. */
export function editCommit(folder: string, version: number, edit: (text: string) => string): void {
  const file = join(folder, '_delta_log', `${String(version).padStart(20, '0')}.json`);
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
}

/** The rows of a change feed as JSON text `[_change_type, ...columns]`, in order. */
export async function changesIn(
  { session, table }: Written,
  { from, to }: { from: number; to?: number },
  shown = '*',
): Promise<string[]> {
  const feed = await table.changes({ from: { version: from }, to: { version: to ?? from } });
  const rows = await session.rows(
    `SELECT _change_type, ${shown === '*' ? '* EXCLUDE (_change_type, _commit_version, _commit_timestamp)' : shown} FROM (${feed.relation}) ORDER BY ALL`,
  );
  return rows.map(valuesOf);
}

/** Expects that `work` fails as `expected` and leaves neither a version nor a file. */
export async function expectRefused(made: Written, work: Promise<unknown>, expected: object): Promise<void> {
  const { version } = await made.table.snapshot();
  await expect(work).rejects.toMatchObject(expected);
  expect(await made.orphans()).toEqual([]);
  expect((await made.table.snapshot()).version).toBe(version);
}
