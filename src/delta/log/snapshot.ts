import { LakeError } from '../../base/lake-error.js';
import type { Session } from '../../duckdb/session.js';
import type { ObjectStore } from '../../storage/object-store.js';
import {
  type Action,
  type AddFile,
  canonicalPath,
  type DomainMetadata,
  fileKey,
  type Metadata,
  type Protocol,
  type RemoveFile,
  type Txn,
} from '../protocol/actions.js';
import { type ColumnMappingMode, columnMappingMode, physicalName, physicalSchema } from '../protocol/column-mapping.js';
import { assertReadable } from '../protocol/features.js';
import { commitPath } from '../protocol/log-names.js';
import { type DeltaSchema, parseSchema } from '../protocol/schema.js';
import { assertTypeChanges } from '../protocol/type-widening.js';
import { type CheckpointDeps, readCheckpoint } from './checkpoint-file.js';
import { type Commit, readActions, readCommits } from './commit-file.js';
import { findInCommitTimestamp, inCommitTimestamps } from './in-commit-timestamp.js';
import { Replay } from './replay.js';
import { type CheckpointFiles, type Compaction, findNewCommits, findSegments, type LogSegment } from './segment.js';

/** One version of a table (PROTOCOL.md, "Action Reconciliation"). Immutable. */
export interface Snapshot {
  /** The folder or URL of the table. */
  readonly path: string;
  readonly version: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  readonly schema: DeltaSchema;
  readonly partitionColumns: readonly string[];
  readonly mapping: ColumnMappingMode;
  /** The schema as data files, statistics and partition values name it. The same as `schema` without column mapping. */
  readonly physicalSchema: DeltaSchema;
  /** The keys of `add.partitionValues`, in the order of `partitionColumns`. */
  readonly physicalPartitionColumns: readonly string[];
  readonly files: readonly AddFile[];
  readonly tombstones: readonly RemoveFile[];
  /** The newest `txn` of each application. */
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
  /** The newest version with a checkpoint that this snapshot was read from; -1 when none. */
  readonly checkpointVersion: number;
  /** Milliseconds since the epoch; only of a table that has in-commit timestamps, when its log still tells. */
  readonly inCommitTimestamp?: number;
}

/** What a snapshot was made of, for the next version: it costs the commit then, not all files of the table. */
const replays = new WeakMap<Snapshot, Replay>();

type Shape = Pick<Snapshot, 'schema' | 'partitionColumns' | 'mapping' | 'physicalSchema' | 'physicalPartitionColumns'>;

/** What follows from `metaData` alone. */
function shapeOf(metadata: Metadata, protocol: Protocol, place: string): Shape {
  if (metadata.schemaString === '') throw new LakeError('DELTA_LOG', 'metaData.schemaString is missing', { place });
  const schema = parseSchema(metadata.schemaString);
  assertTypeChanges(schema, place);
  const mapping = columnMappingMode(metadata, protocol, place);
  const physicalPartitionColumns = metadata.partitionColumns.map((column) => {
    const field = schema.fields.find(({ name }) => name === column);
    if (field !== undefined) return physicalName(field, mapping);
    throw new LakeError('DELTA_LOG', `the partition column "${column}" is not in the schema`, { place });
  });
  return {
    schema,
    partitionColumns: metadata.partitionColumns,
    mapping,
    physicalSchema: physicalSchema(schema, mapping),
    physicalPartitionColumns,
  };
}

function shapeIn(snapshot: Snapshot): Shape {
  const { schema, partitionColumns, mapping, physicalSchema: physical, physicalPartitionColumns } = snapshot;
  return { schema, partitionColumns, mapping, physicalSchema: physical, physicalPartitionColumns };
}

interface SnapshotPlace {
  readonly path: string;
  readonly version: number;
  readonly checkpointVersion: number;
}

function finish(replay: Replay, at: SnapshotPlace, previous?: Snapshot): Snapshot {
  const place = `${at.path}@${at.version}`;
  const { protocol, metadata, inCommitTimestamp } = replay;
  if (protocol === undefined) throw new LakeError('DELTA_LOG', 'the log has no "protocol" action', { place });
  if (metadata === undefined) throw new LakeError('DELTA_LOG', 'the log has no "metaData" action', { place });
  if (previous?.protocol !== protocol || previous.metadata !== metadata) assertReadable(protocol, metadata, place);
  const timed = inCommitTimestamp !== undefined && inCommitTimestamps(protocol, metadata) !== undefined;
  const snapshot: Snapshot = {
    ...at,
    protocol,
    metadata,
    ...(previous?.metadata === metadata && previous.protocol === protocol
      ? shapeIn(previous)
      : shapeOf(metadata, protocol, place)),
    files: [...replay.files.values()],
    tombstones: [...replay.tombstones.values()],
    txns: new Map(replay.txns),
    domains: new Map(replay.domains),
    ...(timed ? { inCommitTimestamp } : {}),
  };
  replays.set(snapshot, replay);
  return snapshot;
}

function applyCommit(replay: Replay, commit: Commit, path: string): void {
  replay.apply({ actions: commit.actions, place: `${path}/${commitPath(commit.version)}` });
}

async function applyCheckpoint(replay: Replay, reading: CheckpointDeps, checkpoint: CheckpointFiles): Promise<void> {
  const actions = await readCheckpoint(reading, checkpoint);
  const place = reading.store.location(checkpoint.paths[0] ?? '');
  replay.apply({ actions, place });
  const files = actions.reduce((count, action) => count + Number('add' in action || 'remove' in action), 0);
  if (files === replay.files.size + replay.tombstones.size) return;
  throw new LakeError('DELTA_LOG', 'a checkpoint holds a file and its removal', { place });
}

/** Applies a compaction, or says that it cannot be trusted. */
async function tryCompaction(replay: Replay, store: ObjectStore, { path }: Compaction): Promise<boolean> {
  let actions: Action[];
  try {
    actions = await readActions(store, path);
    // A trial by itself: what a compaction must not hold may not touch the replay either.
    new Replay().apply({ actions, place: path });
  } catch (error) {
    if (error instanceof LakeError && (error.code === 'DELTA_LOG' || error.code === 'NOT_FOUND')) return false;
    throw error;
  }
  replay.apply({ actions, place: store.location(path) });
  return true;
}

/** Applies the commits of a segment; a log compaction file stands for those it covers (PROTOCOL.md, "Log Compaction Files"). */
async function applySegmentCommits(replay: Replay, store: ObjectStore, segment: LogSegment): Promise<void> {
  const read = async (versions: readonly number[]) => {
    for await (const commit of readCommits(store, versions)) applyCommit(replay, commit, store.root);
  };
  let rest = segment.commits;
  for (const compaction of segment.compactions) {
    const before = rest.filter((version) => version < compaction.start);
    const covered = rest.filter((version) => version >= compaction.start && version <= compaction.end);
    rest = rest.slice(before.length + covered.length);
    await read(before);
    if (!(await tryCompaction(replay, store, compaction))) await read(covered);
  }
  await read(rest);
}

async function readSegment(reading: CheckpointDeps, segment: LogSegment): Promise<Snapshot> {
  const { store } = reading;
  const { version, checkpoint } = segment;
  const replay = new Replay();
  if (checkpoint !== undefined) await applyCheckpoint(replay, reading, checkpoint);
  await applySegmentCommits(replay, store, segment);
  const { protocol, metadata } = replay;
  const timed =
    protocol !== undefined && metadata !== undefined && inCommitTimestamps(protocol, metadata) !== undefined;
  // Neither checkpoints nor compactions hold it.
  if (timed && replay.inCommitTimestamp === undefined) {
    replay.inCommitTimestamp = await findInCommitTimestamp(store, version);
  }
  return finish(replay, { path: store.root, version, checkpointVersion: checkpoint?.version ?? -1 });
}

function isDamage(error: unknown): boolean {
  return error instanceof LakeError && (error.code === 'DELTA_LOG' || error.code === 'NOT_FOUND');
}

/**
 * The table at `version` (default: newest), or undefined when there is no Delta log. A checkpoint that is damaged is done
 * without as long as the log still has everything. Throws `DELTA_LOG` for a damaged log, `DELTA_UNSUPPORTED` for a feature,
 * `VERSION_NOT_FOUND`.
 */
export async function findSnapshot(
  store: ObjectStore,
  engine: () => Promise<Session>,
  version?: number,
): Promise<Snapshot | undefined> {
  let failure: unknown;
  const tried = new Set<string>();
  // The second look is at the whole log: what the hint leaves out is only needed when the newest checkpoint is damaged.
  for (const hint of version === undefined ? [true, false] : [false]) {
    const segments = await findSegments(store, { version, hint });
    for (const segment of segments) {
      const key = (segment.checkpoint?.paths ?? []).join();
      if (tried.has(key)) continue;
      tried.add(key);
      try {
        return await readSegment({ store, engine }, segment);
      } catch (error) {
        if (!isDamage(error)) throw error;
        failure ??= error;
      }
    }
    if (segments.length === 0 && failure === undefined) return undefined;
  }
  throw failure;
}

/** The newest snapshot, given an older one: reads only the commits since, which are returned as well. */
export async function advanceSnapshot(
  store: ObjectStore,
  snapshot: Snapshot,
): Promise<{ readonly snapshot: Snapshot; readonly commits: readonly Commit[] }> {
  const versions = await findNewCommits(store, snapshot.version);
  if (versions.length === 0) return { snapshot, commits: [] };
  const commits: Commit[] = [];
  for await (const commit of readCommits(store, versions)) commits.push(commit);
  return { snapshot: applyCommits(snapshot, commits), commits };
}

function replayOf(snapshot: Snapshot): Replay {
  const replay = new Replay();
  replay.protocol = snapshot.protocol;
  replay.metadata = snapshot.metadata;
  for (const file of snapshot.files) replay.files.set(canonicalPath(file.path), file);
  for (const file of snapshot.tombstones) replay.tombstones.set(fileKey(file), file);
  for (const [id, txn] of snapshot.txns) replay.txns.set(id, txn);
  for (const [name, domain] of snapshot.domains) replay.domains.set(name, domain);
  return replay;
}

/** The snapshot after `commits`, which must follow it without a gap. Throws `DELTA_LOG` for what no valid log holds. */
export function applyCommits(snapshot: Snapshot, commits: readonly Commit[]): Snapshot {
  const last = commits.at(-1);
  if (last === undefined) return snapshot;
  const replay = replays.get(snapshot) ?? replayOf(snapshot);
  // It goes on to the next version, and is lost to this one even when a commit is refused halfway.
  replays.delete(snapshot);
  for (const commit of commits) applyCommit(replay, commit, snapshot.path);
  const { path, checkpointVersion } = snapshot;
  return finish(replay, { path, version: last.version, checkpointVersion }, snapshot);
}
