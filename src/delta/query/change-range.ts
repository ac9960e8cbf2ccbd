import { LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type Commit, findCommitInfo, readCommit } from '../log/commit-file.js';
import { listCommitVersions } from '../log/history.js';
import { inCommitTimestamps } from '../log/in-commit-timestamp.js';
import type { Snapshot } from '../log/snapshot.js';
import { commitPath } from '../protocol/log-names.js';
import { parseTimestamp } from '../protocol/time-text.js';
import { recordsChanges } from './change-schema.js';

/** The time of each version whose commit is there: when its file was written, made to grow with the version. */
export async function readFileTimes(store: ObjectStore): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  let last = Number.NEGATIVE_INFINITY;
  for (const version of await listCommitVersions(store)) {
    const modified = (await store.findMeta(commitPath(version)))?.modified;
    if (modified === undefined) continue;
    last = Math.max(modified, last + 1);
    times.set(version, last);
  }
  return times;
}

/**
 * The time of a commit in milliseconds since the epoch: the one inside it when the table of `end` has in-commit timestamps from
 * then on, else that of its file (PROTOCOL.md, "In-Commit Timestamps").
 */
export function commitTime(commit: Commit, end: Snapshot, fileTimes: ReadonlyMap<number, number>): number {
  const inside = inCommitTimestamps(end.protocol, end.metadata);
  const info = findCommitInfo(commit);
  if (inside !== undefined && commit.version >= inside.since && info?.inCommitTimestamp !== undefined) {
    return info.inCommitTimestamp;
  }
  return fileTimes.get(commit.version) ?? info?.timestamp ?? 0;
}

/**
 * The first version of the last stretch with the change data feed, as far as the log still says; the newest version when the
 * feed is off there.
 */
export async function firstRecorded(store: ObjectStore, newest: Snapshot): Promise<number> {
  if (!recordsChanges(newest.metadata)) return newest.version;
  let first: number | undefined;
  for (const version of await listCommitVersions(store)) {
    if (version > newest.version) break;
    for (const action of (await readCommit(store, version)).actions) {
      if ('metaData' in action) first = recordsChanges(action.metaData) ? (first ?? version) : undefined;
    }
  }
  // Without a word in the commits that are left, the checkpoint that was read is the oldest witness.
  return first ?? Math.max(newest.checkpointVersion, 0);
}

/** Milliseconds since the epoch of an ISO 8601 time; without a zone it is UTC. Throws a usage error. */
export function parseTime(text: string): number {
  const parsed = parseTimestamp(text.trim());
  if (parsed === undefined) {
    throw usageError(`"${text}" is not an ISO 8601 time`, { hint: 'for example 2026-01-31T12:00:00Z' });
  }
  return Number(parsed.micros) / 1000;
}

/** Throws `VERSION_NOT_FOUND` when a commit of the range is gone from the log. */
export function assertCommits(path: string, found: readonly number[], from: number): void {
  const gap = found.findIndex((version, i) => version !== from + i);
  if (found.length > 0 && gap === -1) return;
  const version = gap === -1 ? from : from + gap;
  throw new LakeError('VERSION_NOT_FOUND', `the commit of version ${version} is not in the log any more`, {
    place: path,
    hint: '"table history" lists the versions whose changes can be read',
    exitCode: 2,
  });
}
