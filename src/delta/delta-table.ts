import { backoff, type Clock, sleep } from '../base/clock.js';
import { LakeError, messageOf } from '../base/lake-error.js';
import { fillSql, readSqlFile, type SqlFragment, trustedFragment } from '../base/sql-file.js';
import type { Session } from '../duckdb/session.js';
import type { ObjectStore } from '../storage/object-store.js';
import { type Commit, readCommit } from './log/commit-file.js';
import { type HistoryEntry, readHistory } from './log/history.js';
import { bindScan, type ScanRequest } from './log/scan.js';
import { findNewCommits } from './log/segment.js';
import { advanceSnapshot, findSnapshot, type Snapshot } from './log/snapshot.js';
import { findVersionAt } from './log/time-travel.js';
import type { Action, AddFile, Txn } from './protocol/actions.js';
import { decodePath } from './protocol/paths.js';
import { checkpointInterval, writeCheckpoint } from './write/checkpoint.js';
import { type CommitResult, commit, type Stage } from './write/commit.js';
import { planCompaction, stageCompaction } from './write/compact.js';
import { NO_READS } from './write/conflicts.js';
import { createTable, type TableDefinition } from './write/create.js';
import { discardDataFiles, type WriteDeps, writeDataFiles } from './write/data-files.js';
import { locateRows, type MergeCounts, type MergeRequest, stageMerge } from './write/merge.js';

export interface DeltaTableOptions {
  readonly store: ObjectStore;
  /** Opened on the first use that needs SQL. */
  readonly engine: () => Promise<Session>;
  readonly clock: Clock;
  /** `name/version`, written into `commitInfo.engineInfo`. */
  readonly engineInfo: string;
}

/** Which version: a number, or the newest at or before an ISO 8601 time. */
export interface VersionAt {
  readonly version?: number;
  readonly timestamp?: string;
}

const MERGE_ATTEMPTS = 100;

/** A Delta table by its folder. Keeps the newest snapshot it has seen and reads only what came since. */
export class DeltaTable {
  readonly #options: DeltaTableOptions;
  #latest: Snapshot | undefined;

  constructor(options: DeltaTableOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.store.root;
  }

  /** The snapshot at a version, or undefined when there is no Delta log here. */
  async findSnapshot(at: VersionAt = {}): Promise<Snapshot | undefined> {
    const { store, engine } = this.#options;
    if (at.version !== undefined) return findSnapshot(store, engine, at.version);
    if (at.timestamp !== undefined) {
      const version = await findVersionAt(store, at.timestamp);
      return version === undefined ? undefined : findSnapshot(store, engine, version);
    }
    this.#latest = (await this.#advance()) ?? (await findSnapshot(store, engine));
    return this.#latest;
  }

  /** The snapshot at a version. Throws `TABLE_NOT_FOUND` when there is no Delta log here. */
  async snapshot(at: VersionAt = {}): Promise<Snapshot> {
    const snapshot = await this.findSnapshot(at);
    if (snapshot !== undefined) return snapshot;
    throw new LakeError('TABLE_NOT_FOUND', 'there is no Delta table here', { place: this.path, exitCode: 2 });
  }

  /** Creates the table unless it exists; returns whether it did. */
  create(definition: TableDefinition): Promise<boolean> {
    return createTable(this.#options, definition);
  }

  /** Newest first. */
  history(limit?: number): Promise<HistoryEntry[]> {
    return readHistory(this.#options.store, limit);
  }

  async writeDeps(): Promise<WriteDeps> {
    return { session: await this.#options.engine(), store: this.#options.store, clock: this.#options.clock };
  }

  /** A SELECT over some or all files of a snapshot, ready to run in the session. */
  async scan(request: ScanRequest): Promise<SqlFragment> {
    return bindScan(await this.#options.engine(), this.#options.store, request);
  }

  /** The commits after `version`, up to the newest; throws when one of them is gone. */
  async commitsAfter(version: number): Promise<Commit[]> {
    const versions = await findNewCommits(this.#options.store, version);
    return Promise.all(versions.map((v) => readCommit(this.#options.store, v)));
  }

  /** Writes the rows of a SELECT as data files of the table; nothing is visible before `commit`. */
  async writeFiles(snapshot: Snapshot, relation: SqlFragment): Promise<AddFile[]> {
    return writeDataFiles(await this.writeDeps(), snapshot, relation);
  }

  async #writeOnce(snapshot: Snapshot, relation: SqlFragment): Promise<AddFile[]> {
    const session = await this.#options.engine();
    await session.run(fillSql(readSqlFile('delta', 'append_stage'), { relation }));
    try {
      return await this.writeFiles(snapshot, trustedFragment(readSqlFile('delta', 'append_rows')));
    } finally {
      await session.run(readSqlFile('delta', 'append_drop_stage'));
    }
  }

  /** Deletes data files of a stage that was given up. */
  discard(files: readonly AddFile[]): Promise<void> {
    return discardDataFiles(
      this.#options.store,
      files.map((file) => decodePath(file.path)),
    );
  }

  /** Commits a stage; see `commit`. Writes a checkpoint every `delta.checkpointInterval` commits. */
  async commit(stage: Stage): Promise<CommitResult> {
    const result = await commit(this.#options, stage);
    this.#latest = result.snapshot;
    if (result.outcome === 'committed') await this.#checkpointWhenDue(result.snapshot);
    return result;
  }

  /** Appends the rows of a SELECT over the session's tables. Returns the new version. */
  async append(relation: SqlFragment, txn?: Txn): Promise<number> {
    const snapshot = await this.snapshot();
    const files = await this.#writeOnce(snapshot, relation);
    const actions: Action[] = [...(txn === undefined ? [] : [{ txn }]), ...files.map((add) => ({ add }))];
    const result = await this.commit({
      snapshot,
      actions,
      reads: txn === undefined ? NO_READS : { ...NO_READS, appIds: new Set([txn.appId]) },
      operation: 'WRITE',
      parameters: { mode: 'Append', partitionBy: snapshot.partitionColumns },
      metrics: { numFiles: files.length },
    });
    if (result.outcome === 'committed') return result.version;
    await this.discard(files);
    throw new LakeError('DELTA_CONFLICT', result.conflict.message, {
      place: `${this.path}@${result.conflict.version}`,
      retryable: true,
    });
  }

  /** Runs a MERGE statement against the table and commits it, staging again after a lost race. */
  async merge(
    request: MergeRequest & { readonly source: string; readonly keys: readonly string[] },
  ): Promise<MergeCounts & { readonly version: number }> {
    const deps = await this.writeDeps();
    for (let attempt = 0; attempt < MERGE_ATTEMPTS; attempt++) {
      const snapshot = await this.snapshot();
      const staged = await stageMerge(deps, await locateRows(deps, snapshot, request), request);
      if (staged.stage === undefined) return { ...staged.counts, version: snapshot.version };
      const result = await this.commit(staged.stage);
      if (result.outcome === 'committed') return { ...staged.counts, version: result.version };
      await this.discard(staged.files);
      await sleep(backoff(this.#options.clock, attempt, 200));
    }
    throw new LakeError('DELTA_BUSY', `the merge lost ${MERGE_ATTEMPTS} races in a row`, {
      place: this.path,
      retryable: true,
    });
  }

  /** Merges small files in the partitions of `near` when there are many; losing a race to another writer is no loss. */
  async compactNear(near: readonly AddFile[]): Promise<boolean> {
    const snapshot = await this.snapshot();
    const groups = planCompaction(snapshot, near);
    if (groups.length === 0) return false;
    const { stage, files } = await stageCompaction(await this.writeDeps(), snapshot, groups);
    const result = await this.commit(stage);
    if (result.outcome === 'conflict') await this.discard(files);
    return result.outcome === 'committed';
  }

  /** The newest snapshot from the one that is known; undefined when the whole log has to be read. */
  async #advance(): Promise<Snapshot | undefined> {
    if (this.#latest === undefined) return undefined;
    try {
      return (await advanceSnapshot(this.#options.store, this.#latest)).snapshot;
    } catch (error) {
      // The commits in between may have been cleaned up after a checkpoint.
      if (error instanceof LakeError && error.code === 'DELTA_LOG') return undefined;
      throw error;
    }
  }

  async #checkpointWhenDue(snapshot: Snapshot): Promise<void> {
    const interval = checkpointInterval(snapshot.metadata.configuration);
    if (snapshot.version === 0 || snapshot.version % interval !== 0) return;
    try {
      await writeCheckpoint(await this.writeDeps(), snapshot);
    } catch (error) {
      // The commit stands: a checkpoint only saves readers time, and the next one is due soon.
      if (error instanceof LakeError && error.code === 'INTERRUPTED') throw error;
      process.emitWarning(`no checkpoint of ${snapshot.path}@${snapshot.version}: ${messageOf(error)}`);
    }
  }
}
