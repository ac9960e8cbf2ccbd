import { LakeError } from '../../base/lake-error.js';
import type { Session } from '../../duckdb/session.js';
import type { ObjectStore } from '../../storage/object-store.js';
import {
  type Action,
  type AddFile,
  type DomainMetadata,
  fileKey,
  type Metadata,
  type Protocol,
  type RemoveFile,
  type Txn,
} from '../protocol/actions.js';
import { type ColumnMappingMode, columnMappingMode, physicalName, physicalSchema } from '../protocol/column-mapping.js';
import { assertReadable } from '../protocol/features.js';
import { type DeltaSchema, parseSchema } from '../protocol/schema.js';
import { readCheckpoint } from './checkpoint-file.js';
import { type Commit, readCommit } from './commit-file.js';
import { findNewCommits, findSegment } from './segment.js';

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
}

/** The actions that reconciliation keeps, while they are being reconciled. */
class Replay {
  protocol: Protocol | undefined;
  metadata: Metadata | undefined;
  readonly files = new Map<string, AddFile>();
  readonly tombstones = new Map<string, RemoveFile>();
  readonly txns = new Map<string, Txn>();
  readonly domains = new Map<string, DomainMetadata>();

  apply(actions: readonly Action[]): void {
    for (const action of actions) {
      if ('add' in action) {
        const key = fileKey(action.add);
        this.tombstones.delete(key);
        this.files.set(key, action.add);
      } else if ('remove' in action) {
        const key = fileKey(action.remove);
        this.files.delete(key);
        this.tombstones.set(key, action.remove);
      } else if ('txn' in action) this.txns.set(action.txn.appId, action.txn);
      else if ('domainMetadata' in action) this.domains.set(action.domainMetadata.domain, action.domainMetadata);
      else if ('metaData' in action) this.metadata = action.metaData;
      else if ('protocol' in action) this.protocol = action.protocol;
    }
  }
}

function assertOneOfEach(commit: Commit, place: string): void {
  const seen = new Set<string>();
  for (const action of commit.actions) {
    const kind = 'metaData' in action ? 'metaData' : 'protocol' in action ? 'protocol' : undefined;
    if (kind === undefined) continue;
    if (seen.has(kind)) throw new LakeError('DELTA_LOG', `a commit has two "${kind}" actions`, { place });
    seen.add(kind);
  }
}

function finish(replay: Replay, path: string, at: { version: number; checkpointVersion: number }): Snapshot {
  const place = `${path}@${at.version}`;
  const { protocol, metadata } = replay;
  if (protocol === undefined) throw new LakeError('DELTA_LOG', 'the log has no "protocol" action', { place });
  if (metadata === undefined) throw new LakeError('DELTA_LOG', 'the log has no "metaData" action', { place });
  assertReadable(protocol, place);
  const schema = parseSchema(metadata.schemaString);
  const mapping = columnMappingMode(metadata.configuration, place);
  const physicalPartitionColumns = metadata.partitionColumns.map((column) => {
    const field = schema.fields.find(({ name }) => name === column);
    if (field !== undefined) return physicalName(field, mapping);
    throw new LakeError('DELTA_LOG', `the partition column "${column}" is not in the schema`, { place });
  });
  return {
    path,
    ...at,
    protocol,
    metadata,
    schema,
    partitionColumns: metadata.partitionColumns,
    mapping,
    physicalSchema: physicalSchema(schema, mapping),
    physicalPartitionColumns,
    files: [...replay.files.values()],
    tombstones: [...replay.tombstones.values()],
    txns: replay.txns,
    domains: replay.domains,
  };
}

function applyCommit(replay: Replay, commit: Commit, path: string): void {
  assertOneOfEach(commit, `${path}@${commit.version}`);
  replay.apply(commit.actions);
}

/**
 * The table at `version` (default: newest), or undefined when there is no Delta log.
 * Throws `DELTA_LOG` for a damaged log, `DELTA_UNSUPPORTED` for a feature, `VERSION_NOT_FOUND`.
 */
export async function findSnapshot(
  store: ObjectStore,
  engine: () => Promise<Session>,
  version?: number,
): Promise<Snapshot | undefined> {
  const segment = await findSegment(store, version);
  if (segment === undefined) return undefined;
  const replay = new Replay();
  if (segment.checkpoint !== undefined) {
    const locations = segment.checkpoint.paths.map((path) => store.location(path));
    replay.apply(await readCheckpoint(await engine(), locations));
  }
  for (const commit of segment.commits) applyCommit(replay, await readCommit(store, commit), store.root);
  return finish(replay, store.root, { version: segment.version, checkpointVersion: segment.checkpoint?.version ?? -1 });
}

/** The newest snapshot, given an older one: reads only the commits since, which are returned as well. */
export async function advanceSnapshot(
  store: ObjectStore,
  snapshot: Snapshot,
): Promise<{ readonly snapshot: Snapshot; readonly commits: readonly Commit[] }> {
  const versions = await findNewCommits(store, snapshot.version);
  if (versions.length === 0) return { snapshot, commits: [] };
  const commits: Commit[] = [];
  for (const version of versions) commits.push(await readCommit(store, version));
  return { snapshot: applyCommits(snapshot, commits), commits };
}

/** The snapshot after `commits`, which must follow it without a gap. */
export function applyCommits(snapshot: Snapshot, commits: readonly Commit[]): Snapshot {
  const replay = new Replay();
  replay.protocol = snapshot.protocol;
  replay.metadata = snapshot.metadata;
  for (const file of snapshot.files) replay.files.set(fileKey(file), file);
  for (const file of snapshot.tombstones) replay.tombstones.set(fileKey(file), file);
  for (const [id, txn] of snapshot.txns) replay.txns.set(id, txn);
  for (const [name, domain] of snapshot.domains) replay.domains.set(name, domain);
  for (const commit of commits) applyCommit(replay, commit, snapshot.path);
  const version = commits.at(-1)?.version ?? snapshot.version;
  return finish(replay, snapshot.path, { version, checkpointVersion: snapshot.checkpointVersion });
}
