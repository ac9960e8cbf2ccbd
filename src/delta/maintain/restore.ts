import { backoff, sleep } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import type { Snapshot } from '../log/snapshot.js';
import { type Action, type AddFile, fileKey, type Metadata } from '../protocol/actions.js';
import { MAX_COLUMN_ID } from '../protocol/column-mapping.js';
import { assertWritable, writerFeatures } from '../protocol/features.js';
import { upgradeProtocol } from '../protocol/upgrade.js';
import type { Stage } from '../write/commit.js';
import { removeOf } from '../write/remove-file.js';
import type { MaintainDeps } from './maintain-deps.js';
import { missingFiles } from './missing-files.js';

export interface RestoreOptions {
  /** Restores although data files are gone; reading them will fail. */
  readonly ignoreMissingFiles?: boolean;
  /** Only says what would change. */
  readonly dryRun?: boolean;
}

export interface RestoreRequest extends RestoreOptions {
  /** The version to go back to. */
  readonly target: Snapshot;
  /** The time that was asked for, when it was a time. */
  readonly timestamp?: string;
}

export interface RestoreResult {
  /** The newest version afterwards. */
  readonly version: number;
  readonly restoredVersion: number;
  readonly dryRun: boolean;
  readonly filesRestored: number;
  readonly filesRemoved: number;
  readonly bytesRestored: number;
  readonly bytesRemoved: number;
  readonly filesAfter: number;
  readonly bytesAfter: number;
}

const ATTEMPTS = 50;
const SHOWN = 3;
/** Properties that keep their newest value: the time of a commit must go on growing (PROTOCOL.md, "In-Commit Timestamps"). */
const KEPT_PROPERTIES = [
  'delta.enableInCommitTimestamps',
  'delta.inCommitTimestampEnablementVersion',
  'delta.inCommitTimestampEnablementTimestamp',
];

function bytesOf(files: readonly AddFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** The metadata as it was, except for what must never go back. */
function restoredMetadata(current: Metadata, target: Metadata): Metadata {
  const configuration = { ...target.configuration };
  for (const key of KEPT_PROPERTIES) {
    const value = current.configuration[key];
    if (value === undefined) delete configuration[key];
    else configuration[key] = value;
  }
  const ids = [current, target].map((metadata) => Number(metadata.configuration[MAX_COLUMN_ID] ?? 0));
  // A column id that was given out once is never given out again: data files know columns by it.
  if (configuration[MAX_COLUMN_ID] !== undefined) configuration[MAX_COLUMN_ID] = String(Math.max(...ids));
  return { ...target, configuration };
}

function sameJson(a: unknown, b: unknown): boolean {
  const sorted = (_key: string, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
      : value;
  return JSON.stringify(a, sorted) === JSON.stringify(b, sorted);
}

function without(files: readonly AddFile[], others: readonly AddFile[]): AddFile[] {
  const known = new Set(others.map(fileKey));
  return files.filter((file) => !known.has(fileKey(file)));
}

/**
 * The commit that makes `current` what `target` was: files by path and deletion vector, schema and properties. The protocol is
 * never lowered; application transactions and domains stay as they are. `now` in milliseconds since the epoch.
 */
export function stageRestore(
  current: Snapshot,
  target: Snapshot,
  { now, timestamp }: { readonly now: number; readonly timestamp?: string },
): { readonly stage: Stage; readonly restored: readonly AddFile[]; readonly removed: readonly AddFile[] } {
  const restored = without(target.files, current.files);
  const removed = without(current.files, target.files);
  const protocol = upgradeProtocol(current.protocol, writerFeatures(target.protocol));
  const metadata = restoredMetadata(current.metadata, target.metadata);
  const actions: Action[] = [
    ...(protocol === current.protocol ? [] : [{ protocol }]),
    ...(sameJson(metadata, current.metadata) ? [] : [{ metaData: metadata }]),
    ...removed.map((file) => ({ remove: removeOf(file, now) })),
    ...restored.map((add) => ({ add: { ...add, dataChange: true } })),
  ];
  const stage: Stage = {
    snapshot: current,
    actions,
    reads: { wholeTable: true, files: new Set(removed.map(({ path }) => path)), appIds: new Set() },
    operation: 'RESTORE',
    parameters: { version: timestamp === undefined ? target.version : null, timestamp: timestamp ?? null },
    metrics: {
      tableSizeAfterRestore: bytesOf(target.files),
      numOfFilesAfterRestore: target.files.length,
      numRemovedFiles: removed.length,
      numRestoredFiles: restored.length,
      removedFilesSize: bytesOf(removed),
      restoredFilesSize: bytesOf(restored),
    },
  };
  return { stage, restored, removed };
}

async function assertFilesThere(deps: MaintainDeps, target: Snapshot, files: readonly AddFile[]): Promise<void> {
  const missing = await missingFiles(deps.store, target, files);
  if (missing.length === 0) return;
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  throw new LakeError(
    'DATA_FILE_MISSING',
    `files of that version are gone: ${missing.slice(0, SHOWN).join(', ')}${more}`,
    {
      place: `${target.path}@${target.version}`,
      hint: 'a vacuum deleted them; restore a newer version, or bring the files back from a backup',
      exitCode: 1,
    },
  );
}

/**
 * Makes the table what it was at a version, as a new version (Spark's RESTORE). Nothing is committed when it is that already.
 * Throws `DATA_FILE_MISSING` when files of the version are gone, `DELTA_APPEND_ONLY`, `DELTA_UNSUPPORTED`, `DELTA_BUSY`.
 */
export async function restore(deps: MaintainDeps, request: RestoreRequest): Promise<RestoreResult> {
  const { target, timestamp, dryRun = false } = request;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const current = await deps.snapshot();
    assertWritable(current.protocol, current.metadata, `${current.path}@${current.version}`);
    const { stage, restored, removed } = stageRestore(current, target, {
      now: deps.clock.now(),
      ...(timestamp === undefined ? {} : { timestamp }),
    });
    if (request.ignoreMissingFiles !== true) await assertFilesThere(deps, target, restored);
    const result = (version: number): RestoreResult => ({
      version,
      restoredVersion: target.version,
      dryRun,
      filesRestored: restored.length,
      filesRemoved: removed.length,
      bytesRestored: bytesOf(restored),
      bytesRemoved: bytesOf(removed),
      filesAfter: target.files.length,
      bytesAfter: bytesOf(target.files),
    });
    if (dryRun || stage.actions.length === 0) return result(current.version);
    const committed = await deps.commit(stage);
    if (committed.outcome === 'committed') return result(committed.version);
    await sleep(backoff(deps.clock, attempt, 200));
  }
  throw new LakeError('DELTA_BUSY', `the restore lost ${ATTEMPTS} races in a row`, {
    place: target.path,
    retryable: true,
  });
}
