import { LakeError } from '../../base/lake-error.js';
import { type CheckpointDeps, readCheckpoint, readSidecarPaths } from '../log/checkpoint-file.js';
import { readCommitTimes } from '../log/commit-times.js';
import type { CheckpointFiles, LogFiles } from '../log/segment.js';
import type { Snapshot } from '../log/snapshot.js';
import { assertWritable } from '../protocol/features.js';
import { type LogFile, SIDECAR_FOLDER } from '../protocol/log-names.js';
import { logRetention } from '../protocol/table-properties.js';
import type { WriteDeps } from '../write/data-files.js';

const DAY = 86_400_000;

export interface CleanLogRequest {
  /** Milliseconds since the epoch; the clock's by default. */
  readonly now?: number;
  /** Only says what would be deleted. */
  readonly dryRun?: boolean;
}

export interface CleanLogResult {
  readonly dryRun: boolean;
  /** The oldest version that can be read afterwards; undefined when nothing is old enough. */
  readonly oldestVersion: number | undefined;
  /** Paths below the table that were deleted, or would be, in the order of deletion. */
  readonly files: readonly string[];
}

function midnight(time: number): number {
  return Math.floor(time / DAY) * DAY;
}

function isDamage(error: unknown): boolean {
  return error instanceof LakeError && error.code === 'DELTA_LOG';
}

/** The newest checkpoint at or below `version` that can be read: what is below it will be gone. */
async function findCutoff(deps: CheckpointDeps, log: LogFiles, version: number): Promise<CheckpointFiles | undefined> {
  for (const checkpoint of log.checkpoints) {
    if (checkpoint.version > version || !log.commits.includes(checkpoint.version)) continue;
    try {
      await readCheckpoint(deps, checkpoint);
      return checkpoint;
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  return undefined;
}

function isExpired(file: LogFile, cutoff: number): boolean {
  return file.kind === 'compaction' ? file.version <= cutoff : file.version < cutoff;
}

/**
 * Checkpoints go first, then the commits from the oldest on: when the clean-up is cut short, the versions that have lost
 * something are those that cannot be read anyway.
 */
function inOrder(files: readonly LogFile[]): string[] {
  const rank = (file: LogFile) => Number(file.kind === 'commit');
  return [...files].sort((a, b) => rank(a) - rank(b) || a.version - b.version).map(({ path }) => path);
}

/** Sidecars that no checkpoint names and that are not of one in the making; none when a checkpoint cannot be read. */
async function expiredSidecars(
  deps: CheckpointDeps,
  checkpoints: readonly CheckpointFiles[],
  now: number,
): Promise<string[]> {
  const expired: string[] = [];
  for await (const { path, modified } of deps.store.listAll(SIDECAR_FOLDER, () => false)) {
    if (modified < midnight(now) - DAY) expired.push(path);
  }
  if (expired.length === 0) return [];
  const named = new Set<string>();
  try {
    for (const checkpoint of checkpoints) for (const path of await readSidecarPaths(deps, checkpoint)) named.add(path);
  } catch (error) {
    if (isDamage(error)) return [];
    throw error;
  }
  return expired.filter((path) => !named.has(path)).sort();
}

/**
 * Deletes the files of the log that only versions older than `delta.logRetentionDuration` need. The cutoff is at midnight
 * UTC; the newest checkpoint before it stays with its commit and all that came after. Nothing is deleted when there is no
 * such checkpoint, or none that can be read. Whether a writer should do this by itself is `logCleanupEnabled`.
 * Throws `DELTA_UNSUPPORTED` for a table that we must not write. Source: PROTOCOL.md, "Metadata Cleanup".
 */
export async function cleanLog(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: CleanLogRequest = {},
): Promise<CleanLogResult> {
  const { store, session } = deps;
  const { now = deps.clock.now(), dryRun = false } = request;
  assertWritable(snapshot.protocol, snapshot.metadata, `${snapshot.path}@${snapshot.version}`);
  const nothing: CleanLogResult = { dryRun, oldestVersion: undefined, files: [] };
  const { log, findVersion } = await readCommitTimes(store, snapshot);
  const commit = await findVersion(midnight(now - logRetention(snapshot.metadata.configuration)));
  if (commit === undefined) return nothing;
  const reading: CheckpointDeps = { store, engine: async () => session };
  const cutoff = await findCutoff(reading, log, commit);
  if (cutoff === undefined) return nothing;
  const kept = log.checkpoints.filter(({ version }) => version >= cutoff.version);
  const files = [
    ...inOrder(log.files.filter((file) => isExpired(file, cutoff.version))),
    ...(await expiredSidecars(reading, kept, now)),
  ];
  if (!dryRun) for (const path of files) await store.delete(path);
  return { dryRun, oldestVersion: cutoff.version, files };
}
