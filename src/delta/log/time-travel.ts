import { LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { commitPath } from '../protocol/log-names.js';
import { listCommitVersions } from './history.js';

/**
 * The newest version committed at or before an ISO 8601 time, or undefined when there is no log. A commit's time is the
 * modification time of its file, made to grow with the version (PROTOCOL.md, "In-Commit Timestamps": what holds without them).
 * Throws `VERSION_NOT_FOUND` for a time before the first commit that is there.
 */
export async function findVersionAt(store: ObjectStore, timestamp: string): Promise<number | undefined> {
  const wanted = Date.parse(timestamp);
  if (Number.isNaN(wanted))
    throw usageError(`"${timestamp}" is not an ISO 8601 time`, { hint: 'for example 2026-01-31T12:00:00Z' });
  let found: number | undefined;
  let first: number | undefined;
  let last = Number.NEGATIVE_INFINITY;
  for (const version of await listCommitVersions(store)) {
    const modified = (await store.findMeta(commitPath(version)))?.modified;
    if (modified === undefined) continue;
    last = Math.max(modified, last + 1);
    first ??= last;
    if (last > wanted) break;
    found = version;
  }
  if (found === undefined && first !== undefined) {
    throw new LakeError('VERSION_NOT_FOUND', `there is no version at or before ${timestamp}`, {
      place: store.root,
      hint: `the oldest one is of ${new Date(first).toISOString()}`,
      exitCode: 2,
    });
  }
  return found;
}
