import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { commitPath, LOG_FOLDER } from '../protocol/log-names.js';
import { findInCommitTimestamp, inCommitTimestamps } from './in-commit-timestamp.js';
import { type LogFiles, sortLogFiles } from './segment.js';
import type { Snapshot } from './snapshot.js';

/** When the versions of a table were committed. */
export interface CommitTimes {
  readonly log: LogFiles;
  /** Milliseconds since the epoch; undefined when nothing tells. */
  findTime(version: number): Promise<number | undefined>;
  /** The newest version committed at or before a time whose commit is there; undefined when all are later. */
  findVersion(time: number): Promise<number | undefined>;
}

/** Modification times of the commits, made to grow with the version; one listing tells them all. */
async function fileTimes(store: ObjectStore): Promise<{ log: LogFiles; times: ReadonlyMap<number, number> }> {
  const modified = new Map<string, number>();
  for await (const meta of store.listAll(LOG_FOLDER, () => false)) modified.set(meta.path, meta.modified);
  const log = sortLogFiles([...modified.keys()].sort());
  const times = new Map<number, number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const file of [...log.files].sort((a, b) => a.version - b.version)) {
    if (file.kind !== 'commit') continue;
    last = Math.max(modified.get(file.path) ?? 0, last + 1);
    times.set(file.version, last);
  }
  return { log, times };
}

/** The last of `versions` (in order) that is not later than `time`; times grow with the version. */
async function lastAtOrBefore(
  versions: readonly number[],
  time: number,
  timeOf: (version: number) => Promise<number | undefined>,
): Promise<number | undefined> {
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = await timeOf(versions[middle] ?? 0);
    if (found !== undefined && found <= time) low = middle + 1;
    else high = middle;
  }
  return versions[low - 1];
}

/**
 * The times of the commits that are there: those inside the commits from the version on in which the table of `newest` began
 * to have them, else the modification times of the files. Source: PROTOCOL.md, "Recommendations for Readers of Tables with
 * In-Commit Timestamps".
 */
export async function readCommitTimes(store: ObjectStore, newest: Snapshot | undefined): Promise<CommitTimes> {
  const { log, times } = await fileTimes(store);
  const inside = newest && inCommitTimestamps(newest.protocol, newest.metadata);
  const fileTime = async (version: number) => times.get(version);
  if (inside === undefined) {
    return { log, findTime: fileTime, findVersion: (time) => lastAtOrBefore(log.commits, time, fileTime) };
  }
  const timed = async (version: number) => {
    const time = await findInCommitTimestamp(store, version);
    if (time !== undefined) return time;
    throw new LakeError('DELTA_LOG', 'the commit has no in-commit timestamp, which this table promises', {
      place: store.location(commitPath(version)),
      hint: 'name the version instead of the time',
    });
  };
  const [before, after] = [
    log.commits.filter((version) => version < inside.since),
    log.commits.filter((version) => version >= inside.since),
  ];
  return {
    log,
    findTime: (version) => (version >= inside.since ? timed(version) : fileTime(version)),
    async findVersion(time) {
      const begin = inside.sinceTime ?? (after[0] === inside.since ? await timed(inside.since) : undefined) ?? -1;
      if (time >= begin) return lastAtOrBefore(after, time, timed);
      return lastAtOrBefore(before, time, fileTime);
    },
  };
}
