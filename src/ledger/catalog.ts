import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { LakeError, usageError } from '../base/lake-error.js';
import { fillSql, identifier, identifiers, readSqlFile, trustedFragment } from '../base/sql-file.js';
import {
  DeltaTable,
  NO_READS,
  type QueryTable,
  type Snapshot,
  type TableDefinition,
  type TableResolver,
  type VersionAt,
} from '../delta/index.js';
import type { Session } from '../duckdb/session.js';
import { LocalStore } from '../storage/local-store.js';
import type { ObjectStore } from '../storage/object-store.js';
import { type LedgerKey, ledgerTables } from './tables.js';

const NAME = /^[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*$/;

export interface CatalogOptions {
  readonly root: string;
  readonly key: LedgerKey;
  readonly engine: () => Promise<Session>;
  readonly clock: Clock;
  readonly engineInfo: string;
}

/** The tables of a lake by name. `schema.table` is the folder `<lake>/schema/table`. */
export class LakeCatalog {
  readonly store: ObjectStore;
  readonly #options: CatalogOptions;
  readonly #tables = new Map<string, DeltaTable>();

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.store = new LocalStore(options.root);
  }

  get root(): string {
    return this.#options.root;
  }

  /** Names of the Delta tables that are there, sorted. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for (const schema of await this.store.listFolders('')) {
      if (schema.startsWith('.')) continue;
      for (const table of await this.store.listFolders(schema)) {
        const name = `${schema}.${table}`;
        if (NAME.test(name) && (await this.store.list(`${schema}/${table}/_delta_log`)).length > 0) names.push(name);
      }
    }
    return names;
  }

  /** A handle on a table of the lake by name; the table need not exist. Throws a usage error for what is no name. */
  table(name: string): DeltaTable {
    if (!NAME.test(name))
      throw usageError(`"${name}" is not a table name`, {
        hint: 'write schema.table, for example metadata.ingestion_manifest',
      });
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const [schema = '', table = ''] = name.split('.');
    const handle = this.tableAt(join(this.root, schema, table));
    this.#tables.set(name, handle);
    return handle;
  }

  /** A handle on any Delta table by its folder. */
  tableAt(folder: string): DeltaTable {
    const { engine, clock, engineInfo } = this.#options;
    return new DeltaTable({ store: new LocalStore(folder), engine, clock, engineInfo });
  }

  /** A version of a table, or undefined when the table is not there. */
  findSnapshot(name: string, at: VersionAt = {}): Promise<Snapshot | undefined> {
    return NAME.test(name) ? this.table(name).findSnapshot(at) : Promise.resolve(undefined);
  }

  /** What a query may name: the tables of the lake, at one version or time if `at` says so. */
  resolver(at: VersionAt = {}): TableResolver {
    return {
      find: async (name): Promise<QueryTable | undefined> => {
        // SQL does not care for the case of a name, a folder does.
        const folder = (await this.names()).find((known) => known.toLowerCase() === name);
        const snapshot = folder === undefined ? undefined : await this.findSnapshot(folder, at);
        return snapshot === undefined ? undefined : { store: new LocalStore(snapshot.path), snapshot };
      },
      names: () => this.names(),
    };
  }

  /** The definition of one of the ledger's own tables. */
  definition(name: string): TableDefinition {
    const definition = ledgerTables(this.#options.key)[name];
    if (definition === undefined) throw new Error(`no definition of ${name}`);
    return definition;
  }

  /** Creates one of the ledger's own tables unless it is there. Throws `DELTA_LOG` when its folder holds data without a log. */
  async ensure(name: string): Promise<boolean> {
    return (await this.isMissing(name)) && this.table(name).create(this.definition(name));
  }

  /** Whether a table was never made. Throws `DELTA_LOG` when its folder holds data without a log. */
  async isMissing(name: string): Promise<boolean> {
    const folder = name.replace('.', '/');
    if ((await this.store.list(`${folder}/_delta_log`)).some((path) => !/\/\.[^/]*\.tmp$/.test(path))) return false;
    const leftovers = [...(await this.store.list(folder)), ...(await this.store.listFolders(folder))].filter(
      (entry) => entry !== '_delta_log',
    );
    if (leftovers.length > 0) {
      throw new LakeError('DELTA_LOG', `${name} has data but no Delta log; an empty table would hide it`, {
        place: this.store.location(folder),
        hint: 'restore _delta_log from a backup, or move the folder away',
      });
    }
    return true;
  }

  /** Appends rows (objects with the table's columns, JSON values) to one of the ledger's own tables; returns the new version. */
  async appendRows(session: Session, name: string, rows: readonly object[]): Promise<number> {
    await this.ensure(name);
    const { schema } = this.definition(name);
    const columns = identifiers(schema.fields.map((field) => field.name));
    const json = trustedFragment(`[{${schema.fields.map((field) => `"${field.name}": "VARCHAR"`).join(', ')}}]`);
    const sql = fillSql(readSqlFile('ledger', 'rows_from_json'), { table: identifier('appended_row'), columns, json });
    await session.run(sql, { rows: JSON.stringify(rows) });
    const relation = fillSql(readSqlFile('ledger', 'select_all'), { table: identifier('appended_row'), columns });
    return (await this.table(name).append(trustedFragment(relation))).version;
  }

  /** Appends the rows of a session's table whose id the Delta table does not have yet; returns how many. */
  async appendNew(
    session: Session,
    name: string,
    source: { readonly table: string; readonly id: string },
  ): Promise<number> {
    await this.ensure(name);
    const table = this.table(name);
    const names = { source: identifier(source.table), id: identifier(source.id) };
    while (true) {
      const snapshot = await table.snapshot();
      const known = await table.scan({ slot: 'known', snapshot, files: snapshot.files });
      const fresh = trustedFragment(fillSql(readSqlFile('ledger', 'select_fresh'), { ...names, known }));
      const files = await table.writeFiles(snapshot, fresh);
      if (files.length === 0) return 0;
      const result = await table.commit({
        snapshot,
        actions: files.map((add) => ({ add })),
        reads: { ...NO_READS, wholeTable: true },
        operation: 'WRITE',
        parameters: { mode: 'Append', partitionBy: snapshot.partitionColumns },
        metrics: { numFiles: files.length },
      });
      if (result.outcome === 'committed') {
        await table.compactNear(files);
        const [count] = await session.rows(fillSql(readSqlFile('ledger', 'count_fresh'), { ...names, known }));
        return Number(count?.['fresh'] ?? 0);
      }
      await table.discard(files);
    }
  }
}
