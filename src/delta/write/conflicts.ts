import type { Action, AddFile, Metadata, Protocol } from '../protocol/actions.js';
import { unreadableFeatures, unwritableFeatures, writerFeatures } from '../protocol/features.js';

export type IsolationLevel = 'Serializable' | 'WriteSerializable' | 'SnapshotIsolation';

/** What a transaction looked at before it decided what to write. */
export interface Reads {
  /** True when any row that anybody adds would have mattered. */
  readonly wholeTable: boolean;
  /** Conservative: whether an added file could hold rows that this transaction would have read. */
  readonly mightRead?: (file: AddFile) => boolean;
  /** `path` of the files whose rows were read. */
  readonly files: ReadonlySet<string>;
  /** Applications whose `txn` decided what to do. */
  readonly appIds: ReadonlySet<string>;
}

/** A blind append: nothing was read. */
export const NO_READS: Reads = { wholeTable: false, files: new Set(), appIds: new Set() };

export type ConflictKind =
  | 'ProtocolChanged'
  | 'MetadataChanged'
  | 'ConcurrentTransaction'
  | 'ConcurrentAppend'
  | 'ConcurrentDeleteRead'
  | 'ConcurrentDeleteDelete';

export interface Conflict {
  readonly kind: ConflictKind;
  /** The version that won. */
  readonly version: number;
  readonly message: string;
}

interface Mine {
  readonly actions: readonly Action[];
  readonly reads: Reads;
  readonly isolation: IsolationLevel;
  /** Of the version before the winner's. */
  readonly protocol: Protocol;
  readonly metadata: Metadata;
}

interface Winner {
  readonly version: number;
  readonly actions: readonly Action[];
}

/** `delta.isolationLevel` of the table; `Serializable` when it is not set. */
export function isolationLevel(metadata: Metadata): IsolationLevel {
  return metadata.configuration['delta.isolationLevel'] === 'WriteSerializable' ? 'WriteSerializable' : 'Serializable';
}

/** True when the actions only rearrange rows (`dataChange: false`), as OPTIMIZE does; it may then ignore what others add. */
export function rearrangesOnly(actions: readonly Action[]): boolean {
  return actions.every((a) => ('add' in a ? !a.add.dataChange : 'remove' in a ? !a.remove.dataChange : false));
}

/** PROTOCOL.md has no word for it; for Spark it is a commit that read nothing and whose files, if any, are all new. */
export function isBlindAppend(actions: readonly Action[], reads: Reads): boolean {
  const onlyAdds = actions.every((a) => !('remove' in a) && !('cdc' in a));
  return onlyAdds && !reads.wholeTable && reads.mightRead === undefined && reads.files.size === 0;
}

function wroteBlindly(winner: Winner): boolean {
  // A writer that does not say so (delta-rs never does) is taken to have read.
  return winner.actions.some((a) => 'commitInfo' in a && a.commitInfo.isBlindAppend === true);
}

function addsMatter(mine: Mine, winner: Winner): boolean {
  if (mine.isolation === 'SnapshotIsolation' || isBlindAppend(mine.actions, mine.reads)) return false;
  const changesMetadata = mine.actions.some((a) => 'metaData' in a);
  return mine.isolation === 'Serializable' || changesMetadata || !wroteBlindly(winner);
}

/** Features that a concurrent writer may take note of afterwards; any other asks something of every file written (Spark's list). */
const HARMLESS_UPGRADES: ReadonlySet<string> = new Set([
  'appendOnly',
  'changeDataFeed',
  'columnMapping',
  'deletionVectors',
  'domainMetadata',
  'inCommitTimestamp',
  'timestampNtz',
  'typeWidening',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

function protocolMatters(mine: Mine, after: Protocol): boolean {
  const before = writerFeatures(mine.protocol);
  const now = writerFeatures(after);
  return (
    unreadableFeatures(after, mine.metadata).length > 0 ||
    unwritableFeatures(after, mine.metadata).length > 0 ||
    mine.actions.some((a) => 'protocol' in a) ||
    before.some((feature) => !now.includes(feature)) ||
    now.some((feature) => !before.includes(feature) && !HARMLESS_UPGRADES.has(feature))
  );
}

function findSharedTxn(mine: Mine, winner: Winner): string | undefined {
  for (const action of winner.actions)
    if ('txn' in action && mine.reads.appIds.has(action.txn.appId)) return action.txn.appId;
  return undefined;
}

function findSharedDomain(mine: Mine, winner: Winner): string | undefined {
  const domains = new Set(mine.actions.flatMap((a) => ('domainMetadata' in a ? [a.domainMetadata.domain] : [])));
  for (const a of winner.actions)
    if ('domainMetadata' in a && domains.has(a.domainMetadata.domain)) return a.domainMetadata.domain;
  return undefined;
}

function findFileConflict(mine: Mine, winner: Winner): Omit<Conflict, 'version'> | undefined {
  const adds = winner.actions.flatMap((a) => ('add' in a ? [a.add] : []));
  const removes = winner.actions.flatMap((a) => ('remove' in a ? [a.remove] : []));
  if (addsMatter(mine, winner)) {
    const read = adds.find((file) => mine.reads.wholeTable || (mine.reads.mightRead?.(file) ?? false));
    if (read)
      return {
        kind: 'ConcurrentAppend',
        message: `a concurrent commit added ${read.path}, which this one would have read`,
      };
  }
  const gone = removes.find((file) => mine.reads.files.has(file.path));
  if (gone)
    return { kind: 'ConcurrentDeleteRead', message: `a concurrent commit removed ${gone.path}, which this one read` };
  if (removes.length > 0 && mine.reads.wholeTable && mine.isolation !== 'SnapshotIsolation') {
    return {
      kind: 'ConcurrentDeleteRead',
      message: 'a concurrent commit removed files and this one read the whole table',
    };
  }
  const mineRemoved = new Set(mine.actions.flatMap((a) => ('remove' in a ? [a.remove.path] : [])));
  const both = removes.find((file) => mineRemoved.has(file.path));
  if (both) return { kind: 'ConcurrentDeleteDelete', message: `a concurrent commit removed ${both.path} as well` };
  return undefined;
}

/**
 * Whether a commit that won the race makes mine wrong; undefined when mine may follow it unchanged.
 * The order of the rules and their meaning are those of Spark's ConflictChecker: paths decide, not deletion vectors. Two
 * differences: a change of metadata always conflicts, and a file added concurrently is compared with the whole condition
 * of a reader, by partition values and statistics, not by its partition columns only.
 */
export function findConflict(mine: Mine, winner: Winner): Conflict | undefined {
  const { version, actions } = winner;
  const after = actions.flatMap((a) => ('protocol' in a ? [a.protocol] : []))[0];
  if (after !== undefined && protocolMatters(mine, after)) {
    return { kind: 'ProtocolChanged', version, message: 'a concurrent commit changed the protocol' };
  }
  if (actions.some((a) => 'metaData' in a)) {
    return { kind: 'MetadataChanged', version, message: 'a concurrent commit changed the schema or the properties' };
  }
  const domain = findSharedDomain(mine, winner);
  if (domain)
    return { kind: 'ConcurrentTransaction', version, message: `a concurrent commit changed the domain "${domain}"` };
  const appId = findSharedTxn(mine, winner);
  if (appId)
    return {
      kind: 'ConcurrentTransaction',
      version,
      message: `a concurrent commit of the application "${appId}" came first`,
    };
  const file = findFileConflict(mine, winner);
  return file === undefined ? undefined : { ...file, version };
}
