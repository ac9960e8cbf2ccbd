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

/** A checkpoint whose files are all there. */
export interface CheckpointFiles {
  readonly version: number;
  /** One file, or all parts. */
  readonly paths: readonly string[];
}

/** A log compaction file: the reconciled actions of the commits `start … end`. */
export interface Compaction {
  readonly start: number;
  readonly end: number;
  readonly path: string;
}

/** The files of a log that make up one version: a checkpoint, if any, and the commits after it, without a gap. */
export interface LogSegment {
  readonly version: number;
  readonly checkpoint?: CheckpointFiles;
  /** Versions `checkpoint.version + 1 … version`, in order. */
  readonly commits: readonly number[];
  /** Files that may be read instead of some of the commits; in order, none overlaps another. */
  readonly compactions: readonly Compaction[];
}

interface Listing {
  /** In order. */
  readonly commits: readonly number[];
  /** Complete checkpoints, the preferred one of a version first. */
  readonly checkpoints: readonly CheckpointFiles[];
  readonly compactions: readonly Compaction[];
}

/** Which of several checkpoints of one version is read: single files before parts, which their writers could mix up. */
const PREFERENCE = ['checkpoint', 'v2checkpoint', 'part'];

function collect(files: readonly LogFile[]): Listing {
  const checkpoints: (CheckpointFiles & { readonly rank: number })[] = [];
  const parts = new Map<string, string[]>();
  for (const file of files) {
    const rank = PREFERENCE.indexOf(file.kind);
    if (file.kind === 'checkpoint' || file.kind === 'v2checkpoint') {
      checkpoints.push({ version: file.version, paths: [file.path], rank });
    } else if (file.kind === 'part' && file.part >= 1 && file.part <= file.parts) {
      const key = `${file.version}/${file.parts}`;
      const found = parts.get(key) ?? [];
      found.push(file.path);
      parts.set(key, found);
      // An incomplete multi-part checkpoint is one that its writer did not finish: as if it were not there.
      if (found.length === file.parts) checkpoints.push({ version: file.version, paths: found, rank });
    }
  }
  return {
    commits: files.flatMap((file) => (file.kind === 'commit' ? [file.version] : [])).sort((a, b) => a - b),
    checkpoints: checkpoints.sort((a, b) => b.version - a.version || a.rank - b.rank),
    compactions: files.flatMap((file) =>
      file.kind === 'compaction' && file.end > file.version
        ? [{ start: file.version, end: file.end, path: file.path }]
        : [],
    ),
  };
}

/** The longest compaction at each commit that lies inside `commits`, from the oldest on. */
function pickCompactions(compactions: readonly Compaction[], commits: readonly number[]): Compaction[] {
  const last = commits.at(-1) ?? -1;
  const picked: Compaction[] = [];
  let next = commits[0] ?? 0;
  for (const compaction of [...compactions].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (compaction.start < next || compaction.end > last) continue;
    picked.push(compaction);
    next = compaction.end + 1;
  }
  return picked;
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

function commitsAfter(listing: Listing, start: number, wanted: number | undefined): number[] {
  return listing.commits.filter((v) => v > start && (wanted === undefined || v <= wanted));
}

function isWithoutGap(commits: readonly number[], first: number): boolean {
  return commits.every((version, i) => version === first + i);
}

/** Every way to read the wanted version, the one with the newest checkpoint first. Throws when the first one has a gap. */
function assemble(place: string, listing: Listing, wanted: number | undefined): LogSegment[] {
  const usable = listing.checkpoints.filter(({ version }) => wanted === undefined || version <= wanted);
  const start = usable[0]?.version ?? -1;
  const newest = commitsAfter(listing, start, wanted);
  const version = newest.at(-1) ?? usable[0]?.version;
  if (version === undefined) return [];
  // Clean-up deletes old commits one by one: what is left of them below the first checkpoint is no version any more.
  if (usable.length === 0 && newest[0] !== 0 && listing.checkpoints.length > 0) return [];
  assertNoGap(place, newest, start + 1);
  const segments = [...usable, undefined].flatMap((checkpoint): LogSegment[] => {
    const first = (checkpoint?.version ?? -1) + 1;
    const commits = commitsAfter(listing, first - 1, version);
    if (first + commits.length !== version + 1 || !isWithoutGap(commits, first)) return [];
    const compactions = pickCompactions(listing.compactions, commits);
    return [{ version, commits, compactions, ...(checkpoint === undefined ? {} : { checkpoint }) }];
  });
  return segments;
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

/** Which segments are wanted. */
export interface SegmentRequest {
  /** The newest by default. */
  readonly version?: number | undefined;
  /** Lists only from the checkpoint that `_last_checkpoint` names. Older checkpoints are not found then. */
  readonly hint?: boolean;
}

async function pickSegments(store: ObjectStore, { version, hint }: SegmentRequest): Promise<LogSegment[]> {
  const from = version === undefined && hint === true ? await findCheckpointHint(store) : undefined;
  let listing = await listLog(store, from ?? 0);
  // A hint that points at nothing would hide the real log.
  if (from !== undefined && !listing.checkpoints.some((checkpoint) => checkpoint.version === from)) {
    listing = await listLog(store, 0);
  }
  const segments = assemble(store.root, listing, version);
  if (version !== undefined && segments[0]?.version !== version) {
    const newest = Math.max(-1, ...listing.commits.slice(-1), listing.checkpoints[0]?.version ?? -1);
    if (newest < 0) return [];
    throw new LakeError('VERSION_NOT_FOUND', `version ${version} is not there`, {
      place: store.root,
      hint: `the newest version is ${newest}; "table history" lists what can be read`,
      exitCode: 2,
    });
  }
  return segments;
}

/**
 * Lists the log and picks the files for a version: every way to read it, the best one first, so that a damaged checkpoint
 * can be done without. Empty when there is no Delta log here. Throws `DELTA_LOG` for a gap above the newest checkpoint,
 * which no compaction makes good, `VERSION_NOT_FOUND` for a version that is not (or no longer) there.
 * Source: PROTOCOL.md, "Delta Log Entries", "Checkpoints", "Log Compaction Files", "Last Checkpoint File".
 */
export function findSegments(store: ObjectStore, request: SegmentRequest = {}): Promise<LogSegment[]> {
  return withoutRaces(() => pickSegments(store, request));
}

/** What is in a log, for those who look at its files one by one. */
export interface LogFiles {
  readonly files: readonly LogFile[];
  /** Versions of the commits whose JSON is there, in order. */
  readonly commits: readonly number[];
  /** Complete checkpoints, newest first. */
  readonly checkpoints: readonly CheckpointFiles[];
  /** The oldest version that can be read; undefined when none can. */
  readonly firstReadable: number | undefined;
}

/** Sorts the paths of a log. Throws `DELTA_LOG` for a version beyond 2^53. */
export function sortLogFiles(paths: readonly string[]): LogFiles {
  const files = paths.flatMap((path) => parseLogPath(path) ?? []);
  const { commits, checkpoints } = collect(files);
  const starts = [...checkpoints.map(({ version }) => version).reverse(), ...(commits[0] === 0 ? [0] : [])];
  return { files, commits, checkpoints, firstReadable: starts.length === 0 ? undefined : Math.min(...starts) };
}

/** Whether a log is here, readable or not. */
export async function hasLog(store: ObjectStore): Promise<boolean> {
  return (await store.list(LOG_FOLDER)).some((path) => {
    const kind = parseLogPath(path)?.kind;
    return kind !== undefined && kind !== 'checksum' && kind !== 'compaction';
  });
}

/** Versions of the commits after `version` that are there now. Throws `DELTA_LOG` when one of them is gone. */
export function findNewCommits(store: ObjectStore, version: number): Promise<number[]> {
  return withoutRaces(async () => {
    const { commits, checkpoints } = await listLog(store, version + 1);
    assertNoGap(store.root, commits, version + 1);
    const next = (commits.at(-1) ?? version) + 1;
    // Commits below a checkpoint may be cleaned up: that a number is free does not make it the next version.
    if (checkpoints.some((checkpoint) => checkpoint.version >= next)) assertNoGap(store.root, [next + 1], next);
    return [...commits];
  });
}
