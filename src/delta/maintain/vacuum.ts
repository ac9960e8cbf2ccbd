import { LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectMeta } from '../../storage/object-store.js';
import type { Snapshot } from '../log/snapshot.js';
import { assertWritable } from '../protocol/features.js';
import { deletedFileRetention } from '../protocol/table-properties.js';
import { NO_READS } from '../write/conflicts.js';
import { keptFiles } from './kept-files.js';
import type { MaintainDeps } from './maintain-deps.js';
import {
  keepRecentlyRemoved,
  type Listing,
  listTableFiles,
  removedByLog,
  unreferencedFiles,
  writeLastVacuum,
} from './vacuum-files.js';

export interface VacuumRequest {
  /** Default: `delta.deletedFileRetentionDuration`, or 7 days. */
  readonly retentionHours?: number;
  /** `full` lists the folder of the table and finds what was never committed as well; `lite` only reads the log. */
  readonly mode?: 'full' | 'lite';
  /** Only says what would be deleted. */
  readonly dryRun?: boolean;
  /** Allows a retention shorter than the table's: readers and writers that are at work now may lose their files. */
  readonly force?: boolean;
  /** Default true: the history gets `VACUUM START` and `VACUUM END` when something is deleted. */
  readonly logCommits?: boolean;
}

export interface VacuumResult {
  readonly mode: 'full' | 'lite';
  readonly dryRun: boolean;
  readonly retentionHours: number;
  /** Paths below the table that were deleted, or would be, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** The version whose files were kept. */
  readonly version: number;
}

const HOUR = 3_600_000;
/** A note in the history is tried again this often when other commits keep getting in between. */
const NOTE_ATTEMPTS = 20;

function retentionOf(snapshot: Snapshot, { retentionHours, force }: VacuumRequest): { asked: number; own: number } {
  const own = deletedFileRetention(snapshot.metadata.configuration);
  if (retentionHours === undefined) return { asked: own, own };
  const asked = retentionHours * HOUR;
  if (!Number.isFinite(asked) || asked < 0)
    throw usageError(`the retention is not a number of hours: ${retentionHours}`);
  if (asked >= own || force === true) return { asked, own };
  throw new LakeError(
    'VACUUM_RETENTION',
    `a retention of ${retentionHours} hours is shorter than the ${own / HOUR} hours that this table promises`,
    {
      place: `${snapshot.path}@${snapshot.version}`,
      hint: 'it would break time travel, readers and writers that are at work; force it only when there are none',
      exitCode: 2,
    },
  );
}

interface Decided {
  readonly files: readonly ObjectMeta[];
  readonly folders: number;
  readonly through: number | undefined;
}

async function decide(
  deps: MaintainDeps,
  snapshot: Snapshot,
  decision: { readonly listing: Listing | undefined; readonly cutoff: number; readonly longer: boolean },
): Promise<Decided> {
  const { listing, cutoff, longer } = decision;
  const kept = keptFiles(snapshot, cutoff);
  if (longer) await keepRecentlyRemoved(deps.store, kept, cutoff);
  if (listing === undefined) return { ...(await removedByLog(deps.store, snapshot, { kept, cutoff })), folders: 0 };
  const files = unreferencedFiles(snapshot, listing.files, { kept, cutoff });
  return { files, folders: listing.folders, through: undefined };
}

interface Note {
  readonly operation: 'VACUUM START' | 'VACUUM END';
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metrics?: Readonly<Record<string, number>>;
}

/** An empty commit that only the history shows; returns the newest snapshot. */
async function commitNote(deps: MaintainDeps, from: Snapshot, note: Note): Promise<Snapshot> {
  let snapshot = from;
  for (let attempt = 0; attempt < NOTE_ATTEMPTS; attempt++) {
    const result = await deps.commit({ snapshot, actions: [], reads: NO_READS, ...note });
    snapshot = result.snapshot;
    if (result.outcome === 'committed') break;
  }
  return snapshot;
}

async function deleteFiles(deps: MaintainDeps, files: readonly ObjectMeta[], deleted: ObjectMeta[]): Promise<void> {
  for (const [i, file] of files.entries()) {
    await deps.store.delete(file.path);
    deleted.push(file);
    deps.onProgress?.({ phase: 'delete', done: i + 1, total: files.length, unit: 'files' });
  }
}

/**
 * Deletes files that no version within the retention needs (Spark's VACUUM). What was removed counts from its tombstone's
 * time, so time travel within the retention goes on working; what was never committed counts from its modification time,
 * so writers that are at work are safe. Never touches the log, hidden folders, other tables and absolute paths.
 * Throws `VACUUM_RETENTION`, `VACUUM_LITE`, `DELTA_UNSUPPORTED`, `STORAGE`.
 */
export async function vacuum(deps: MaintainDeps, request: VacuumRequest = {}): Promise<VacuumResult> {
  const { mode = 'full', dryRun = false, logCommits = true } = request;
  const before = await deps.snapshot();
  // PROTOCOL.md, "VACUUM Protocol Check": whoever cannot write a table does not know which files it needs.
  assertWritable(before.protocol, before.metadata, `${before.path}@${before.version}`);
  const { asked, own } = retentionOf(before, request);
  const cutoff = deps.clock.now() - asked;
  // The listing comes first: what is committed while it runs is in the snapshot.
  const listing = mode === 'full' ? await listTableFiles(deps.store, before) : undefined;
  const snapshot = await deps.snapshot();
  assertWritable(snapshot.protocol, snapshot.metadata, `${snapshot.path}@${snapshot.version}`);
  const decided = await decide(deps, snapshot, { listing, cutoff, longer: asked > own });
  const result = (files: readonly ObjectMeta[]): VacuumResult => ({
    mode,
    dryRun,
    retentionHours: asked / HOUR,
    files: files.map(({ path }) => path).sort(),
    bytes: bytesOf(files),
    version: snapshot.version,
  });
  if (dryRun) return result(decided.files);
  const deleted = await deleteAndNote(deps, snapshot, {
    ...decided,
    cutoff,
    logCommits,
    parameters: {
      retentionCheckEnabled: request.force !== true,
      defaultRetentionMillis: own,
      ...(request.retentionHours === undefined ? {} : { specifiedRetentionMillis: asked }),
    },
  });
  if (decided.through !== undefined) await writeLastVacuum(deps.store, decided.through);
  return result(deleted);
}

function bytesOf(files: readonly ObjectMeta[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

async function deleteAndNote(
  deps: MaintainDeps,
  snapshot: Snapshot,
  plan: Decided & {
    readonly cutoff: number;
    readonly logCommits: boolean;
    readonly parameters: Readonly<Record<string, unknown>>;
  },
): Promise<ObjectMeta[]> {
  if (plan.files.length === 0) return [];
  const metrics = { numFilesToDelete: plan.files.length, sizeOfDataToDelete: bytesOf(plan.files) };
  const newest = plan.logCommits
    ? await commitNote(deps, snapshot, { operation: 'VACUUM START', parameters: plan.parameters, metrics })
    : await deps.snapshot();
  // A restore may have brought a file back since the decision.
  const kept = keptFiles(newest, plan.cutoff);
  const deleted: ObjectMeta[] = [];
  const note = async (status: 'COMPLETED' | 'FAILED'): Promise<void> => {
    if (!plan.logCommits) return;
    await commitNote(deps, newest, {
      operation: 'VACUUM END',
      parameters: { status },
      ...(status === 'FAILED'
        ? {}
        : { metrics: { numDeletedFiles: deleted.length, numVacuumedDirectories: plan.folders } }),
    });
  };
  try {
    await deleteFiles(
      deps,
      plan.files.filter(({ path }) => !kept.has(path)),
      deleted,
    );
  } catch (error) {
    // The first error is the one to hear about.
    await note('FAILED').catch(() => undefined);
    throw error;
  }
  await note('COMPLETED');
  return deleted;
}
