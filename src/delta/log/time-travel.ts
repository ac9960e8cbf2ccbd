import { LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { commitPath } from '../protocol/log-names.js';
import { listCommitVersions } from './history.js';
import { hasLog } from './segment.js';

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Milliseconds since the epoch; a time without a zone is UTC, wherever the process runs. */
function parseTime(timestamp: string): number {
  const match = ISO.exec(timestamp);
  const zone = match === null || match[1] !== undefined || timestamp.length === 10 ? '' : 'Z';
  const time = match === null ? Number.NaN : Date.parse(`${timestamp.replace(' ', 'T')}${zone}`);
  if (!Number.isNaN(time)) return time;
  throw usageError(`"${timestamp}" is not an ISO 8601 time`, { hint: 'for example 2026-01-31T12:00:00Z' });
}

/**
 * The newest version committed at or before an ISO 8601 time, or undefined when there is no log. A commit's time is the
 * modification time of its file, made to grow with the version (PROTOCOL.md, "In-Commit Timestamps": what holds without them).
 * Throws `VERSION_NOT_FOUND` for a time before the first commit that is there.
 */
export async function findVersionAt(store: ObjectStore, timestamp: string): Promise<number | undefined> {
  const wanted = parseTime(timestamp);
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
  if (first === undefined && (await hasLog(store))) {
    throw new LakeError(
      'VERSION_NOT_FOUND',
      'the log holds no commit any more, only a checkpoint: its time is not known',
      {
        place: store.root,
        hint: 'name the version, or leave it out for the newest',
        exitCode: 2,
      },
    );
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
