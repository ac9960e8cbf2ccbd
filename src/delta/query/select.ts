import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { exclusively, startExclusively } from '../../duckdb/exclusively.js';
import { type Session, SQL_CUT, type SqlColumn, type SqlParams, type SqlResult } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { planFilters } from '../log/plan-filters.js';
import { assertColumns, bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePlanFilters } from '../protocol/plan-filters.js';
import { fileFilter } from '../protocol/predicate.js';
import { duckdbType } from '../protocol/schema.js';
import { parseSelect } from './parse-select.js';

/** One version of a table and the store its files are in. */
export interface QueryTable {
  readonly store: ObjectStore;
  readonly snapshot: Snapshot;
}

/** Where table names of a statement lead. */
export interface TableResolver {
  /** `name` is lower case, `schema.table` or `table`; undefined when there is no such Delta table. */
  find(name: string): Promise<QueryTable | undefined>;
  /** All names, for SHOW TABLES. */
  names(): Promise<readonly string[]>;
}

export interface SelectRequest {
  /** One read-only statement. */
  readonly sql: string;
  readonly params?: SqlParams;
  readonly tables: TableResolver;
  /** Default true. Without it every file of a table is opened; the rows are the same. */
  readonly skipping?: boolean;
}

/** What skipping did, by table. */
export interface ScannedFiles {
  readonly table: string;
  readonly version: number;
  readonly files: number;
  readonly read: number;
}

interface Bound extends QueryTable {
  readonly name: string;
  readonly qualified: SqlFragment;
}

async function resolveTables(tables: TableResolver, names: readonly string[]): Promise<Bound[]> {
  const bound: Bound[] = [];
  for (const name of new Set(names.map((n) => n.toLowerCase()))) {
    const table = await tables.find(name);
    if (table === undefined) continue;
    const parts = name.split('.');
    const qualified = joinFragments(parts.map(identifier), '.');
    bound.push({ ...table, name, qualified });
  }
  return bound;
}

async function createStandIns(session: Session, bound: readonly Bound[]): Promise<void> {
  for (const { name, qualified, snapshot } of bound) {
    assertColumns(snapshot);
    if (name.includes('.')) {
      const schema = identifier(name.slice(0, name.indexOf('.')));
      await session.run(fillSql(readSqlFile('delta', 'query_create_schema'), { schema }));
    }
    const columns = snapshot.schema.fields.map((f) => trustedFragment(`${identifier(f.name)} ${duckdbType(f.type)}`));
    await session.run(
      fillSql(readSqlFile('delta', 'query_plan_table'), { table: qualified, columns: joinFragments(columns, ', ') }),
    );
  }
}

function keptFiles(bound: Bound, filters: readonly (readonly string[])[] | undefined): readonly AddFile[] {
  const { snapshot } = bound;
  if (filters === undefined || filters.some((list) => list.length === 0)) return snapshot.files;
  const mightMatch = filters.map((list) => fileFilter(parsePlanFilters(list, snapshot.schema.fields), snapshot));
  return snapshot.files.filter((file) => mightMatch.some((test) => test(file)));
}

/**
 * Binds the tables of a statement as views over just the files that can matter, so that it can be run in this session:
 * an EXPLAIN over empty stand-ins says which filters DuckDB's optimiser pushes to which table, and statistics and
 * partition values decide the files. Throws a usage error for a statement that does not only read.
 */
async function bindSelect(
  session: Session,
  request: SelectRequest,
): Promise<{ readonly scanned: readonly ScannedFiles[]; readonly explained: boolean }> {
  const parsed = await parseSelect(session, request.sql);
  const names = parsed.showsCatalog ? await request.tables.names() : parsed.tables;
  const bound = await resolveTables(request.tables, names);
  if (bound.length === 0) return { scanned: [], explained: parsed.explained };
  await createStandIns(session, bound);
  const skipping = request.skipping !== false && !parsed.showsCatalog;
  const filters = skipping ? await planFilters(session, parsed.body, request.params) : undefined;
  const scanned: ScannedFiles[] = [];
  const named = new Set(parsed.tables.map((name) => name.toLowerCase()));
  // Of a table that is only listed, the stand-in is enough.
  for (const table of bound.filter(({ name }) => named.has(name))) {
    const kind = table.name.includes('.') ? table.name : `main.${table.name}`;
    const files = filters === undefined ? table.snapshot.files : keptFiles(table, filters.get(`memory.${kind}`));
    const relation = await bindScan(session, table.store, {
      slot: `query_${scanned.length}`,
      snapshot: table.snapshot,
      files,
    });
    await session.run(fillSql(readSqlFile('delta', 'query_drop_table'), { table: table.qualified }));
    await session.run(fillSql(readSqlFile('delta', 'query_view'), { table: table.qualified, relation }));
    scanned.push({
      table: table.name,
      version: table.snapshot.version,
      files: table.snapshot.files.length,
      read: files.length,
    });
  }
  return { scanned, explained: parsed.explained };
}

/** Runs `work` in a transaction whose stand-ins and views end with it. */
async function inTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.run(readSqlFile('delta', 'query_begin'));
  const { generation } = session;
  try {
    return await work();
  } finally {
    await endTransaction(session, generation);
  }
}

/** A transaction ends with its instance. */
async function endTransaction(session: Session, generation: number): Promise<void> {
  if (session.generation === generation) await session.run(readSqlFile('delta', 'query_end'));
}

/** Runs one read-only statement over Delta tables. */
export async function select(
  session: Session,
  request: SelectRequest,
): Promise<SqlResult & { readonly scanned: readonly ScannedFiles[] }> {
  return exclusively(session, () =>
    inTransaction(session, async () => {
      const { scanned } = await bindSelect(session, request);
      return { ...(await session.query(request.sql, request.params)), scanned };
    }),
  );
}

/** The same with rows in chunks and memory bounded. */
export async function* selectStream(
  session: Session,
  request: SelectRequest,
  onColumns?: (columns: readonly SqlColumn[]) => void,
): AsyncGenerator<readonly SqlRow[]> {
  let cut: unknown;
  const end = await startExclusively(session);
  const { generation } = session;
  try {
    await session.run(readSqlFile('delta', 'query_begin'));
    const { explained } = await bindSelect(session, request);
    if (explained) {
      const { columns, rows } = await session.query(request.sql, request.params);
      onColumns?.(columns);
      yield rows;
    } else yield* session.stream(request.sql, request.params, onColumns);
  } catch (error) {
    if (!(error instanceof LakeError && error.code === SQL_CUT)) throw error;
    cut = error;
  } finally {
    await endTransaction(session, generation).finally(end);
  }
  if (cut === undefined) return;
  // Only a statement that is run as a whole says why it failed.
  await select(session, request);
  throw cut;
}
