import { LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type CommitTimes, readCommitTimes } from './commit-times.js';
import { hasLog } from './segment.js';
import type { Snapshot } from './snapshot.js';

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** Milliseconds since the epoch; a time without a zone is UTC, wherever the process runs. */
function parseTime(timestamp: string): number {
  const match = ISO.exec(timestamp);
  const zone = match === null || match[1] !== undefined || timestamp.length === 10 ? '' : 'Z';
  const time = match === null ? Number.NaN : Date.parse(`${timestamp.replace(' ', 'T')}${zone}`);
  if (!Number.isNaN(time)) return time;
  throw usageError(`"${timestamp}" is not an ISO 8601 time`, { hint: 'for example 2026-01-31T12:00:00Z' });
}

function notFound(place: string, message: string, hint: string): LakeError {
  return new LakeError('VERSION_NOT_FOUND', message, { place, hint, exitCode: 2 });
}

/** The oldest version that can be read and whose time is known. */
async function oldest({ log, findTime }: CommitTimes): Promise<{ version: number; time: number } | undefined> {
  const version = log.commits.find((v) => v >= (log.firstReadable ?? Number.POSITIVE_INFINITY));
  const time = version === undefined ? undefined : await findTime(version);
  return version === undefined || time === undefined ? undefined : { version, time };
}

/**
 * The newest version committed at or before an ISO 8601 time, or undefined when there is no log; `newest` is the newest
 * snapshot, which says what the time of a commit is (see `readCommitTimes`). Throws `VERSION_NOT_FOUND` for a time before
 * the first version that can still be read.
 */
export async function findVersionAt(
  store: ObjectStore,
  timestamp: string,
  newest: Snapshot | undefined,
): Promise<number | undefined> {
  const wanted = parseTime(timestamp);
  const times = await readCommitTimes(store, newest);
  if (times.log.commits.length === 0) {
    if (!(await hasLog(store))) return undefined;
    const message = 'the log holds no commit any more, only a checkpoint: its time is not known';
    throw notFound(store.root, message, 'name the version, or leave it out for the newest');
  }
  const found = await times.findVersion(wanted);
  if (found !== undefined && found >= (times.log.firstReadable ?? Number.POSITIVE_INFINITY)) return found;
  const first = await oldest(times);
  const hint =
    first === undefined
      ? 'name the version, or leave it out for the newest'
      : `the oldest one is ${first.version}, of ${new Date(first.time).toISOString()}`;
  throw notFound(store.root, `there is no version at or before ${timestamp} that can be read`, hint);
}
