import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from './base/clock.js';
import { usageError } from './base/lake-error.js';
import { packageVersion } from './base/package-root.js';
import type { OnProgress } from './base/progress.js';
import { userName } from './base/user-name.js';
import type { CheckReport, CheckRunOptions } from './checks/index.js';
import {
  type DeltaTable,
  type QueryTable,
  type Snapshot,
  select,
  selectStream,
  type TableResolver,
  type VersionAt,
} from './delta/index.js';
import { Session, type SqlColumn, type SqlParams, type SqlResult } from './duckdb/session.js';
import type { SqlRow } from './duckdb/values.js';
import type {
  BusinessDates,
  DatePolicy,
  FileEvent,
  IngestDeps,
  IngestHooks,
  IngestRequest,
  IngestResult,
  LakeState,
  PlanResult,
  ReprocessRequest,
} from './ingest/index.js';
import {
  assertCanonical,
  assertLakeFolder,
  createLedger,
  LakeCatalog,
  type LedgerKey,
  ledgerTables,
  MANIFEST_TABLE,
  missingTables,
  openLedger,
  type RecordResult,
  record,
} from './ledger/index.js';
import { readManifests } from './manifest/index.js';
import { LocalStore } from './storage/local-store.js';

export type { CheckReport } from './checks/index.js';
export type * from './ingest/index.js';
export type { LedgerKey, RecordResult } from './ledger/index.js';

export interface LakeOptions {
  /** The folder of the lake. */
  readonly root: string;
  /** Default: the key that the lake was made with, or `file_sha` for a new one. */
  readonly key?: LedgerKey;
  readonly clock?: Clock;
  readonly onProgress?: OnProgress;
}

export interface RecordOptions {
  /** Any rejected manifest fails the run before anything is written. */
  readonly strict?: boolean;
  /** Decide everything, write nothing. */
  readonly dryRun?: boolean;
  /** Manifests per batch. */
  readonly batchSize?: number;
  /** A MERGE statement that replaces `sql/ledger/merge.sql`. */
  readonly mergeSql?: string;
  /** Where the input `-` is read from. */
  readonly stdin?: Readable;
  /** Who records; default: the user of the process. */
  readonly actor?: string;
  /** Default: a new UUID. */
  readonly runId?: string;
}

export interface SelectOptions {
  readonly params?: SqlParams;
  /** Further Delta tables by the name the statement gives them. */
  readonly attach?: Readonly<Record<string, { readonly path: string; readonly version?: number }>>;
  /** A version number or an ISO 8601 time, for the tables of the lake. */
  readonly asOf?: string;
  readonly onColumns?: (columns: readonly SqlColumn[]) => void;
}

function versionAt(asOf: string | undefined): VersionAt {
  if (asOf === undefined) return {};
  return /^\d+$/.test(asOf) ? { version: Number(asOf) } : { timestamp: asOf };
}

/**
 * A lake: a folder with Delta tables, and what can be done with it. Opening costs nothing; the SQL engine starts with the
 * first work that needs it. Close it to release that engine and its temporary files.
 */
export class Lake {
  readonly catalog: LakeCatalog;
  readonly #options: LakeOptions;
  readonly #clock: Clock;
  readonly #forks = new Set<Lake>();
  #session: Promise<Session> | undefined;
  #spill: string | undefined;
  #removeSpill: (() => void) | undefined;

  private constructor(options: LakeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.catalog = this.#catalogAt(options.root, options.key ?? 'file_sha');
  }

  static async open(options: LakeOptions): Promise<Lake> {
    const lake = new Lake(options);
    if (options.key !== undefined) return lake;
    const made = await lake.catalog.findSnapshot(MANIFEST_TABLE).then(keyOf, () => undefined);
    return made === undefined || made === 'file_sha' ? lake : new Lake({ ...options, key: made });
  }

  /** The SQL engine of this lake; started on the first call. */
  session(): Promise<Session> {
    if (this.#session === undefined) {
      const spill = mkdtempSync(join(tmpdir(), 'lakeledger-'));
      this.#spill = spill;
      this.#removeSpill = () => rmSync(spill, { recursive: true, force: true });
      // A process may end without closing, at an interrupt for example.
      process.once('exit', this.#removeSpill);
      this.#session = Session.open({ tempDirectory: spill });
    }
    return this.#session;
  }

  /** Creates the lake's tables; returns the names of those that were not there. Refuses a folder that holds something else. */
  async init(): Promise<{ readonly created: readonly string[] }> {
    return { created: await createLedger(this.catalog, Object.keys(ledgerTables(this.#key))) };
  }

  /** Records manifests; see `record` of the ledger. */
  async record(inputs: readonly string[], options: RecordOptions = {}): Promise<RecordResult> {
    await assertLakeFolder(this.catalog);
    const session = await this.session();
    const scratch = options.dryRun === true ? await this.#scratchCatalog() : undefined;
    const catalog = scratch?.catalog ?? this.catalog;
    const deps = { session, catalog, key: this.#key, clock: this.#clock };
    const { onProgress } = this.#options;
    try {
      return await session.withLimitedMemory(() =>
        record(
          {
            ...deps,
            ledger: () =>
              openLedger({ ...deps, ...(options.mergeSql === undefined ? {} : { mergeSql: options.mergeSql }) }),
            ...(onProgress === undefined ? {} : { onProgress }),
          },
          {
            items: readManifests(inputs, {
              session: () => this.session(),
              ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
            }),
            context: { runId: options.runId ?? randomUUID(), actor: options.actor ?? userName() },
            ...(options.strict === undefined ? {} : { strict: options.strict }),
            ...(options.dryRun === undefined ? {} : { dryRun: options.dryRun }),
            ...(options.batchSize === undefined ? {} : { batchSize: options.batchSize }),
          },
        ),
      );
    } finally {
      scratch?.remove();
    }
  }

  /** Ingests the files of sources into bronze tables, each file exactly once; see `ingest` of `src/ingest/`. */
  async ingest(request: IngestRequest, hooks: IngestHooks = {}): Promise<IngestResult> {
    const deps = await this.#ingestDeps();
    const { ingest } = await import('./ingest/index.js');
    return deps.session.withLimitedMemory(() => ingest(deps, { actor: userName(), ...request }, hooks), 'large');
  }

  /** What `ingest` would do with each file, and why. Writes nothing. */
  async plan(request: IngestRequest): Promise<PlanResult> {
    const { planIngest } = await import('./ingest/index.js');
    return planIngest(await this.#ingestDeps(), request);
  }

  /** The newest date of a source that succeeded, by its run manifests; null when none did. */
  async discoverLatestSuccessfulDate(source: string): Promise<string | null> {
    const { discoverLatestSuccessfulDate, RunManifests } = await import('./ingest/index.js');
    return discoverLatestSuccessfulDate(new RunManifests(this.catalog.store), source);
  }

  /** The next business date of sources and of their groups, gaps first; all that is known comes from the run manifests. */
  async discoverNextBusinessDate(policies: readonly DatePolicy[]): Promise<BusinessDates> {
    const { discoverNextBusinessDate, RunManifests } = await import('./ingest/index.js');
    return discoverNextBusinessDate(new RunManifests(this.catalog.store), policies);
  }

  /** Loads files again that a selector names, with a reason that stays in the event log. */
  async reprocess(request: ReprocessRequest): Promise<IngestResult> {
    const deps = await this.#ingestDeps();
    const { reprocess } = await import('./ingest/index.js');
    return deps.session.withLimitedMemory(() => reprocess(deps, { actor: userName(), ...request }), 'large');
  }

  /** What happened to files on their way into bronze tables, in order. */
  async fileEvents(filter: {
    readonly source?: string;
    readonly target?: string;
    readonly path?: string;
    readonly sha?: string;
  }): Promise<readonly FileEvent[]> {
    const { readFileEvents } = await import('./ingest/index.js');
    return (await readFileEvents({ session: await this.session(), catalog: this.catalog }, filter)).events;
  }

  /** What the ledger knows of ingested files, and what may be done to that by hand. Works on a lake that has lost its ledger. */
  async state(): Promise<LakeState> {
    const { LakeState } = await import('./ingest/index.js');
    const session = await this.session();
    const deps = { session, catalog: this.catalog, key: this.#key, clock: this.#clock };
    return new LakeState({ deps: async () => deps, actor: userName });
  }

  async #ingestDeps(): Promise<IngestDeps> {
    const { assertLedgerKept } = await import('./ingest/index.js');
    await assertLedgerKept(this.catalog);
    await assertLakeFolder(this.catalog);
    const session = await this.session();
    const deps = { session, catalog: this.catalog, key: this.#key, clock: this.#clock };
    const { onProgress } = this.#options;
    return {
      ...deps,
      scratch: this.#spill ?? tmpdir(),
      openLedger: () => openLedger(deps),
      ...(onProgress === undefined ? {} : { onProgress }),
      fork: () => this.#fork(),
    };
  }

  /** The same lake with an engine of its own, for work at the same time. */
  async #fork(): Promise<{ readonly deps: IngestDeps; close(): Promise<void> }> {
    const lake = new Lake({ ...this.#options, key: this.#key });
    const session = await lake.session();
    await session.limitMemory('large');
    this.#forks.add(lake);
    const close = async () => {
      this.#forks.delete(lake);
      await lake.close();
    };
    return { deps: await lake.#ingestDeps(), close };
  }

  /** Stops the statements that are running, if any; those of parallel work too. */
  async interrupt(): Promise<void> {
    for (const lake of [this, ...this.#forks]) (await lake.#session?.catch(() => undefined))?.interrupt();
  }

  /** Folds events that a run committed and did not fold before it died. Returns whether there were any. */
  async catchUp(): Promise<boolean> {
    const session = await this.session();
    const ledger = await openLedger({ session, catalog: this.catalog, key: this.#key, clock: this.#clock });
    return ledger.catchUp();
  }

  /** Runs one read-only statement over the tables of the lake, by name. */
  async select(sql: string, options: SelectOptions = {}): Promise<SqlResult> {
    return select(await this.session(), this.#selectRequest(sql, options));
  }

  /** The same in chunks; memory stays bounded. */
  async *selectStream(sql: string, options: SelectOptions = {}): AsyncGenerator<readonly SqlRow[]> {
    yield* selectStream(await this.session(), this.#selectRequest(sql, options), options.onColumns);
  }

  /** Runs checks over the lake and keeps what they measured in `metadata.check_result`. */
  async check(options: CheckRunOptions): Promise<CheckReport> {
    // A canonical table that cannot be read fails the checks that need it, one by one.
    const canonical = await this.catalog.findSnapshot(MANIFEST_TABLE).catch(() => undefined);
    const deps = {
      session: await this.session(),
      catalog: this.catalog,
      select: (session: Session, request: { sql: string; params: SqlParams; tables: ReadonlyMap<string, Snapshot> }) =>
        selectStream(session, { sql: request.sql, params: request.params, tables: fixedTables(request.tables) }),
      clock: this.#clock,
      toolVersion: packageVersion(),
      ledgerKey: keyOf(canonical) ?? this.#key,
    };
    // Loaded here, because a record should not wait for what reads check files.
    const { runChecks } = await import('./checks/index.js');
    return runChecks(deps, options);
  }

  /** A Delta table by its name in the lake, or by its folder. */
  table(nameOrPath: string): DeltaTable {
    const isName = /^[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*$/.test(nameOrPath);
    return isName ? this.catalog.table(nameOrPath) : this.catalog.tableAt(nameOrPath);
  }

  /** The name of the ledger's own table that this is; undefined for all others. */
  ledgerTableOf(table: DeltaTable): string | undefined {
    return Object.keys(ledgerTables(this.#key)).find((name) => this.catalog.table(name).path === table.path);
  }

  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    session?.close();
    if (this.#removeSpill !== undefined) {
      process.off('exit', this.#removeSpill);
      this.#removeSpill();
    }
    this.#session = undefined;
  }

  get #key(): LedgerKey {
    return this.#options.key ?? 'file_sha';
  }

  #catalogAt(root: string, key: LedgerKey): LakeCatalog {
    const engineInfo = `lakeledger/${packageVersion()}`;
    return new LakeCatalog({ root, key, engine: () => this.session(), clock: this.#clock, engineInfo });
  }

  /** A dry run on a lake that is not there yet runs on an empty one that is thrown away. */
  async #scratchCatalog(): Promise<{ readonly catalog: LakeCatalog; remove(): void } | undefined> {
    const missing = await missingTables(this.catalog);
    if (missing.length === 0) {
      assertCanonical(await this.catalog.table(MANIFEST_TABLE).snapshot(), this.catalog, this.#key);
      return undefined;
    }
    if (missing.length === 1) {
      throw usageError(`a dry run needs ${missing[0]}, which is not there yet`, {
        place: this.catalog.root,
        hint: 'run "init" first',
      });
    }
    const folder = mkdtempSync(join(tmpdir(), 'lakeledger-'));
    return {
      catalog: this.#catalogAt(folder, this.#key),
      remove: () => rmSync(folder, { recursive: true, force: true }),
    };
  }

  #selectRequest(sql: string, options: SelectOptions): { sql: string; params?: SqlParams; tables: TableResolver } {
    const lake = this.catalog.resolver(versionAt(options.asOf));
    const attached = new Map(Object.entries(options.attach ?? {}).map(([name, table]) => [name.toLowerCase(), table]));
    return {
      sql,
      ...(options.params === undefined ? {} : { params: options.params }),
      tables: {
        find: async (name): Promise<QueryTable | undefined> => {
          const table = attached.get(name);
          if (table === undefined) return lake.find(name);
          const snapshot = await this.catalog
            .tableAt(table.path)
            .snapshot(table.version === undefined ? {} : { version: table.version });
          return { store: new LocalStore(snapshot.path), snapshot };
        },
        names: async () => [...(await lake.names()), ...attached.keys()],
      },
    };
  }
}

function fixedTables(tables: ReadonlyMap<string, Snapshot>): TableResolver {
  return {
    find: async (name) => {
      const snapshot = tables.get(name);
      return snapshot === undefined ? undefined : { store: new LocalStore(snapshot.path), snapshot };
    },
    names: async () => [...tables.keys()],
  };
}

function keyOf(snapshot: Snapshot | undefined): LedgerKey | undefined {
  const key = snapshot?.metadata.configuration['lakeledger.key'];
  if (key === undefined || key === 'file_sha' || key === 'source_repo+file_path+file_sha') return key;
  throw usageError(`the lake's key "${key}" is not known to this version`);
}
