import { backoff, type Clock, sleep } from '../base/clock.js';
import { LakeError, messageOf } from '../base/lake-error.js';
import type { OnProgress } from '../base/progress.js';
import type { SqlFragment } from '../base/sql-file.js';
import { exclusively } from '../duckdb/exclusively.js';
import type { Session, SqlColumn, SqlParams, SqlResult } from '../duckdb/session.js';
import type { SqlRow } from '../duckdb/values.js';
import type { ObjectStore } from '../storage/object-store.js';
import { type Commit, readCommit } from './log/commit-file.js';
import { type HistoryEntry, readHistory } from './log/history.js';
import { bindScan, type ScanRequest } from './log/scan.js';
import { findNewCommits } from './log/segment.js';
import { advanceSnapshot, findSnapshot, type Snapshot } from './log/snapshot.js';
import { findVersionAt } from './log/time-travel.js';
import { type CleanLogRequest, type CleanLogResult, cleanLog } from './maintain/clean-log.js';
import { autoCompact, planCompaction, stageCompaction } from './maintain/compact.js';
import type { MaintainDeps } from './maintain/maintain-deps.js';
import { type OptimizeRequest, type OptimizeResult, optimize } from './maintain/optimize.js';
import { type RestoreOptions, type RestoreResult, restore } from './maintain/restore.js';
import { type VacuumRequest, type VacuumResult, vacuum } from './maintain/vacuum.js';
import { type VerifyRequest, type VerifyResult, verify } from './maintain/verify.js';
import type { AddFile } from './protocol/actions.js';
import { assertWritable } from './protocol/features.js';
import { decodePath } from './protocol/paths.js';
import { checkpointInterval, logCleanupEnabled } from './protocol/table-properties.js';
import { bindChanges, type ChangeFeed, type ChangesDeps, type ChangesRequest, streamChanges } from './query/changes.js';
import { select, type TableResolver } from './query/select.js';
import { TableAlterations, type WriteResult } from './table-alterations.js';
import { type AppendRequest, type OverwriteRequest, stageAppend, stageOverwrite } from './write/add-rows.js';
import { type Alteration, stageAlteration } from './write/alter-table.js';
import { writeCheckpoint } from './write/checkpoint.js';
import { type CommitResult, commit, type Stage } from './write/commit.js';
import type { ConditionRequest } from './write/condition.js';
import { createTable, type TableDefinition } from './write/create.js';
import { discardDataFiles, type WriteDeps, writeDataFiles } from './write/data-files.js';
import { locateRows, type MergeCounts, type MergeRequest, stageMerge } from './write/merge.js';
import { type MergeIntoRequest, stageMergeInto } from './write/merge-into.js';
import { type StagedOperation, stageDelete, stageUpdate, type UpdateRequest } from './write/rows-where.js';

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

const ATTEMPTS = 100;
const REFUSALS: ReadonlySet<string> = new Set(['DELTA_APPEND_ONLY', 'DELTA_UNSUPPORTED']);

/** A Delta table by its folder. Keeps the newest snapshot it has seen and reads only what came since. */
export class DeltaTable extends TableAlterations {
  readonly #options: DeltaTableOptions;
  #latest: Snapshot | undefined;

  constructor(options: DeltaTableOptions) {
    super();
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
      const version = await findVersionAt(store, at.timestamp, await this.findSnapshot());
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

  /** Runs one statement that reads; the table is called `t` in it. */
  async query(
    statement: string,
    options: { readonly params?: SqlParams; readonly at?: VersionAt } = {},
  ): Promise<SqlResult> {
    const bound = { store: this.#options.store, snapshot: await this.snapshot(options.at) };
    const tables: TableResolver = {
      find: async (name) => (name === 't' ? bound : undefined),
      names: async () => ['t'],
    };
    return select(await this.#options.engine(), {
      sql: statement,
      tables,
      ...(options.params && { params: options.params }),
    });
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

  /** Deletes the new files of a stage that was given up. */
  discard(files: readonly { readonly path: string }[]): Promise<void> {
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

  /** Appends rows. With a `txn` that the table already has, nothing happens: an append that is repeated is done once. */
  append(relation: SqlFragment, options: Omit<AppendRequest, 'relation'> = {}): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageAppend(deps, snapshot, { ...options, relation }));
  }

  /** Replaces all rows, or with `replaceWhere` those that meet a condition. */
  overwrite(relation: SqlFragment, options: Omit<OverwriteRequest, 'relation'> = {}): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageOverwrite(deps, snapshot, { ...options, relation }));
  }

  /** Deletes the rows that meet a condition, or all. */
  delete(request: ConditionRequest = {}): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageDelete(deps, snapshot, request));
  }

  /** Gives new values to the rows that meet a condition, or to all. */
  update(request: UpdateRequest): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageUpdate(deps, snapshot, request));
  }

  /** MERGE with its clauses; `merge` runs a MERGE statement instead. */
  mergeInto(request: MergeIntoRequest): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageMergeInto(deps, snapshot, request));
  }

  /** Changes the table itself: properties, columns, constraints. */
  override alter(alteration: Alteration): Promise<WriteResult> {
    return this.#write((deps, snapshot) => stageAlteration(deps, snapshot, alteration));
  }

  /** Stages an operation and commits it, again on the newest snapshot after a lost race. */
  async #write(stageOn: (deps: WriteDeps, snapshot: Snapshot) => Promise<StagedOperation>): Promise<WriteResult> {
    const deps = await this.writeDeps();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const snapshot = await this.snapshot();
      assertWritable(snapshot.protocol, snapshot.metadata, `${snapshot.path}@${snapshot.version}`);
      const staged = await exclusively(deps.session, () => stageOn(deps, snapshot));
      if (staged.stage === undefined) return { ...staged.counts, version: snapshot.version, committed: false };
      const result = await this.#commitOrDiscard(staged.stage, staged.files);
      if (result.outcome === 'committed') {
        await this.#compactAfter(staged.stage, result.snapshot);
        return { ...staged.counts, version: result.version, committed: true };
      }
      await sleep(backoff(this.#options.clock, attempt, 200));
    }
    throw new LakeError('DELTA_BUSY', `the write lost ${ATTEMPTS} races in a row`, {
      place: this.path,
      retryable: true,
    });
  }

  /** With `delta.autoOptimize.autoCompact`, merges small files near those that a commit added. */
  async #compactAfter(stage: Stage, snapshot: Snapshot): Promise<void> {
    if (autoCompact(snapshot) !== true) return;
    try {
      await this.compactNear(stage.actions.flatMap((action) => ('add' in action ? [action.add] : [])));
    } catch (error) {
      // The commit stands: a caller who heard of an error would write the rows again.
      if (error instanceof LakeError && error.code === 'INTERRUPTED') throw error;
      process.emitWarning(`no compaction of ${snapshot.path}@${snapshot.version}: ${messageOf(error)}`);
    }
  }

  async #commitOrDiscard(stage: Stage, files: StagedOperation['files']): Promise<CommitResult> {
    try {
      const result = await this.commit(stage);
      if (result.outcome === 'conflict') await this.discard(files);
      return result;
    } catch (error) {
      // Only an error that comes before the commit point says for sure that no version names the files.
      if (error instanceof LakeError && REFUSALS.has(error.code)) await this.discard(files);
      throw error;
    }
  }

  /** Runs a MERGE statement against the table and commits it, staging again after a lost race. */
  async merge(
    request: MergeRequest & { readonly source: string; readonly keys: readonly string[] },
  ): Promise<MergeCounts & { readonly version: number }> {
    const deps = await this.writeDeps();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const snapshot = await this.snapshot();
      const staged = await exclusively(deps.session, async () =>
        stageMerge(deps, await locateRows(deps, snapshot, request), request),
      );
      if (staged.stage === undefined) return { ...staged.counts, version: snapshot.version };
      const result = await this.commit(staged.stage);
      if (result.outcome === 'committed') return { ...staged.counts, version: result.version };
      await this.discard(staged.files);
      await sleep(backoff(this.#options.clock, attempt, 200));
    }
    throw new LakeError('DELTA_BUSY', `the merge lost ${ATTEMPTS} races in a row`, {
      place: this.path,
      retryable: true,
    });
  }

  /** Merges small files; see `optimize` of maintain/. */
  async optimize(request: OptimizeRequest = {}, onProgress?: OnProgress): Promise<OptimizeResult> {
    return optimize(await this.#maintainDeps(onProgress), request);
  }

  /** Deletes files that no version within the retention needs; see `vacuum` of maintain/. */
  async vacuum(request: VacuumRequest = {}, onProgress?: OnProgress): Promise<VacuumResult> {
    return vacuum(await this.#maintainDeps(onProgress), request);
  }

  /** Makes the table what it was at a version or time, as a new version; see `restore` of maintain/. */
  async restore(at: VersionAt, options: RestoreOptions = {}): Promise<RestoreResult> {
    const target = await this.snapshot(at);
    const { timestamp } = at.version === undefined ? at : {};
    const request = { ...options, target, ...(timestamp === undefined ? {} : { timestamp }) };
    return restore(await this.#maintainDeps(undefined), request);
  }

  /** The rows that changed between two versions or times, both included; see `bindChanges`. */
  async changes(request: ChangesRequest = {}): Promise<ChangeFeed> {
    return bindChanges(await this.#changesDeps(), request);
  }

  /** The same as rows in the order of the versions, in chunks; memory stays bounded. */
  async *streamChanges(
    request: ChangesRequest & { readonly limit?: number } = {},
    onColumns?: (columns: readonly SqlColumn[]) => void,
  ): AsyncGenerator<readonly SqlRow[]> {
    yield* streamChanges(await this.#changesDeps(), request, onColumns);
  }

  async #changesDeps(): Promise<ChangesDeps> {
    const { store, engine } = this.#options;
    const snapshot = (version?: number) => this.snapshot(version === undefined ? {} : { version });
    return { session: await engine(), store, snapshot };
  }

  /** Looks whether the table is what its log says; see `verify` of maintain/. Changes nothing. */
  async verify(request: VerifyRequest = {}, onProgress?: OnProgress): Promise<VerifyResult> {
    const snapshotAt = (version: number) => this.snapshot({ version });
    return verify({ ...(await this.#maintainDeps(onProgress)), snapshotAt }, request);
  }

  /** Writes a checkpoint of the newest version, which it returns. */
  async checkpoint(): Promise<number> {
    const snapshot = await this.snapshot();
    assertWritable(snapshot.protocol, snapshot.metadata, `${snapshot.path}@${snapshot.version}`);
    await writeCheckpoint(await this.writeDeps(), snapshot);
    return snapshot.version;
  }

  /** Deletes what only versions older than `delta.logRetentionDuration` need; see `cleanLog` of maintain/. */
  async cleanLog(request: CleanLogRequest = {}): Promise<CleanLogResult> {
    return cleanLog(await this.writeDeps(), await this.snapshot(), request);
  }

  async #maintainDeps(onProgress: OnProgress | undefined): Promise<MaintainDeps> {
    return {
      ...(await this.writeDeps()),
      commit: (stage) => this.commit(stage),
      snapshot: () => this.snapshot(),
      ...(onProgress === undefined ? {} : { onProgress }),
    };
  }

  /** Merges small files in the partitions of `near` when there are many; losing a race to another writer is no loss. */
  async compactNear(near: readonly AddFile[]): Promise<boolean> {
    const snapshot = await this.snapshot();
    const groups = autoCompact(snapshot) === false ? [] : planCompaction(snapshot, near);
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
      if (logCleanupEnabled(snapshot.metadata.configuration)) await cleanLog(await this.writeDeps(), snapshot);
    } catch (error) {
      // The commit stands: a checkpoint only saves readers time, and the next one is due soon.
      if (error instanceof LakeError && error.code === 'INTERRUPTED') throw error;
      process.emitWarning(`no checkpoint of ${snapshot.path}@${snapshot.version}: ${messageOf(error)}`);
    }
  }
}
