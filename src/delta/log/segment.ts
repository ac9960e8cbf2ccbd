import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import {
  beforeVersion,
  commitPath,
  LAST_CHECKPOINT,
  LOG_FOLDER,
  type LogFile,
  parseLogPath,
} from '../protocol/log-names.js';

/** The files of a log that make up one version: a checkpoint, if any, and the commits after it, without a gap. */
export interface LogSegment {
  readonly version: number;
  readonly checkpoint?: { readonly version: number; readonly paths: readonly string[] };
  /** Versions `checkpoint.version + 1 … version`, in order. */
  readonly commits: readonly number[];
}

interface Listing {
  readonly commits: readonly number[];
  /** Complete checkpoints by version, oldest first. */
  readonly checkpoints: ReadonlyMap<number, readonly string[]>;
}

function collect(files: readonly LogFile[]): Listing {
  const commits: number[] = [];
  const checkpoints = new Map<number, readonly string[]>();
  const parts = new Map<string, string[]>();
  for (const file of files) {
    if (file.kind === 'commit') commits.push(file.version);
    else if (file.kind === 'checkpoint') checkpoints.set(file.version, [file.path]);
    else if (file.kind === 'part') {
      const key = `${file.version}/${file.parts}`;
      const found = parts.get(key) ?? [];
      found.push(file.path);
      parts.set(key, found);
      // An incomplete multi-part checkpoint is one that its writer did not finish: as if it were not there.
      if (found.length === file.parts && !checkpoints.has(file.version)) checkpoints.set(file.version, found);
    }
  }
  return { commits, checkpoints };
}

/** The version in `_last_checkpoint`, or undefined when it is absent or unreadable: it is only a hint. */
async function findCheckpointHint(store: ObjectStore): Promise<number | undefined> {
  try {
    const version: unknown = JSON.parse(new TextDecoder().decode(await store.get(LAST_CHECKPOINT))).version;
    return typeof version === 'number' && Number.isSafeInteger(version) && version >= 0 ? version : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    if (error instanceof LakeError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function listLog(store: ObjectStore, from: number): Promise<Listing> {
  const paths = await store.list(LOG_FOLDER, from === 0 ? undefined : beforeVersion(from));
  return collect(paths.flatMap((path) => parseLogPath(path) ?? []));
}

function assertNoGap(place: string, commits: readonly number[], first: number): void {
  commits.forEach((version, i) => {
    if (version === first + i) return;
    throw new LakeError('DELTA_LOG', `the log has a gap: ${commitPath(first + i)} is missing`, {
      place,
      hint: 'restore the missing file from a backup; nothing is read or written until then',
    });
  });
}

function assemble(place: string, listing: Listing, wanted: number | undefined): LogSegment | undefined {
  const usable = [...listing.checkpoints.keys()].filter((v) => wanted === undefined || v <= wanted);
  const start = usable.length > 0 ? Math.max(...usable) : undefined;
  const commits = listing.commits
    .filter((v) => (start === undefined || v > start) && (wanted === undefined || v <= wanted))
    .sort((a, b) => a - b);
  const last = commits.at(-1) ?? start;
  if (last === undefined) return undefined;
  // Clean-up deletes old commits one by one: what is left of them below the first checkpoint is no version any more.
  if (start === undefined && commits[0] !== 0 && listing.checkpoints.size > 0) return undefined;
  assertNoGap(place, commits, start === undefined ? 0 : start + 1);
  const paths = start === undefined ? undefined : listing.checkpoints.get(start);
  return {
    version: last,
    commits,
    ...(start === undefined || paths === undefined ? {} : { checkpoint: { version: start, paths } }),
  };
}

/** A listing of a large folder is no snapshot: it may miss a commit and show the next. A gap counts when it stays. */
async function withoutRaces<T>(look: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof LakeError && error.code === 'DELTA_LOG')) throw error;
    }
  }
  return look();
}

async function pickSegment(store: ObjectStore, version: number | undefined): Promise<LogSegment | undefined> {
  const hint = version === undefined ? await findCheckpointHint(store) : undefined;
  let listing = await listLog(store, hint ?? 0);
  // A hint that points at nothing would hide the real log.
  if (hint !== undefined && !listing.checkpoints.has(hint)) listing = await listLog(store, 0);
  const segment = assemble(store.root, listing, version);
  if (version !== undefined && segment?.version !== version) {
    const newest = Math.max(-1, ...listing.commits, ...listing.checkpoints.keys());
    if (newest < 0) return undefined;
    throw new LakeError('VERSION_NOT_FOUND', `version ${version} is not there`, {
      place: store.root,
      hint: `the newest version is ${newest}; "table history" lists what can be read`,
      exitCode: 2,
    });
  }
  return segment;
}

/**
 * Lists the log and picks the files for `version` (default: the newest). Undefined when there is no Delta log here.
 * Throws `DELTA_LOG` for a gap above the checkpoint, `VERSION_NOT_FOUND` for a version that is not (or no longer) there.
 * Source: PROTOCOL.md, "Delta Log Entries", "Checkpoints", "Last Checkpoint File".
 */
export function findSegment(store: ObjectStore, version?: number): Promise<LogSegment | undefined> {
  return withoutRaces(() => pickSegment(store, version));
}

/** Whether a log is here, readable or not. */
export async function hasLog(store: ObjectStore): Promise<boolean> {
  return (await store.list(LOG_FOLDER)).some((path) => parseLogPath(path) !== undefined);
}

/** Versions of the commits after `version` that are there now. Throws `DELTA_LOG` when one of them is gone. */
export function findNewCommits(store: ObjectStore, version: number): Promise<number[]> {
  return withoutRaces(async () => {
    const { commits, checkpoints } = await listLog(store, version + 1);
    const sorted = [...commits].sort((a, b) => a - b);
    assertNoGap(store.root, sorted, version + 1);
    const next = (sorted.at(-1) ?? version) + 1;
    // Commits below a checkpoint may be cleaned up: that a number is free does not make it the next version.
    if ([...checkpoints.keys()].some((checkpoint) => checkpoint >= next)) assertNoGap(store.root, [next + 1], next);
    return sorted;
  });
}
