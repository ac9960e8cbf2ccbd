import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Metadata, Protocol } from '../protocol/actions.js';
import { checksumPath } from '../protocol/log-names.js';
import { booleanProperty, countProperty } from '../protocol/table-properties.js';
import { findCommitInfo, readCommit } from './commit-file.js';

/** Since when a table has in-commit timestamps. */
export interface InCommitTimestamps {
  /** The first version that has one. */
  readonly since: number;
  /** The timestamp of that version, when the table says it: milliseconds since the epoch. */
  readonly sinceTime: number | undefined;
}

/** Undefined unless the table has in-commit timestamps now (PROTOCOL.md, "In-Commit Timestamps", "Enablement"). */
export function inCommitTimestamps(protocol: Protocol, metadata: Metadata): InCommitTimestamps | undefined {
  const { configuration } = metadata;
  if (protocol.writerFeatures?.includes('inCommitTimestamp') !== true) return undefined;
  if (!booleanProperty(configuration, 'delta.enableInCommitTimestamps', false)) return undefined;
  return {
    since: countProperty(configuration, 'delta.inCommitTimestampEnablementVersion') ?? 0,
    sinceTime: countProperty(configuration, 'delta.inCommitTimestampEnablementTimestamp'),
  };
}

async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    if (error instanceof LakeError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * The in-commit timestamp of a version from its commit, or from its version checksum when the commit is gone; undefined
 * when neither tells. Throws `DELTA_LOG` for a damaged commit.
 */
export async function findInCommitTimestamp(store: ObjectStore, version: number): Promise<number | undefined> {
  const commit = await orUndefined(() => readCommit(store, version));
  const time = commit === undefined ? undefined : findCommitInfo(commit)?.inCommitTimestamp;
  if (Number.isSafeInteger(time)) return time;
  const checksum: unknown = await orUndefined(
    async () => JSON.parse(new TextDecoder().decode(await store.get(checksumPath(version)))).inCommitTimestampOpt,
  );
  return Number.isSafeInteger(checksum) ? (checksum as number) : undefined;
}
