import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LakeError } from '../../base/lake-error.js';
import { type Fingerprint, type ListedFile, readFingerprint } from '../../sources/index.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { ResolvedSource } from '../config/source-config.js';
import { listRawCopies, type RawCopy } from '../load/raw-copy.js';
import { listSource } from '../plan/list-source.js';
import type { FileStates } from '../plan/state.js';

const DAY_MS = 86_400_000;

/** What the ledger says about the files of one source, by target. */
export type SourceStates = ReadonlyMap<string, FileStates>;

export interface RetentionRequest {
  /** The store of the lake. */
  readonly store: ObjectStore;
  /** Names of sources; every one that has raw copies or is in `files` unless told. */
  readonly sources?: readonly string[];
  /** All configured sources, to go through their delivered files too: a file that any of them still needs stays. */
  readonly files?: readonly ResolvedSource[];
  readonly states: (source: string) => Promise<SourceStates>;
  readonly olderThanDays: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** An old file: one that may go, or one that must stay. */
export interface RetentionItem {
  /** `raw`: a copy in the lake; `file`: a delivered file. */
  readonly kind: 'raw' | 'file';
  readonly source: string;
  /** In the lake, or what identifies the file within its source. */
  readonly path: string;
  /** SHA-256; null when it could not be read. */
  readonly sha: string | null;
  readonly size: number;
  readonly ageDays: number;
  /** Why it must stay; null when it may go. */
  readonly refused: string | null;
  readonly raw?: RawCopy;
  readonly file?: { readonly location: string; readonly fingerprint: Fingerprint };
}

export interface RetentionPlan {
  /** In order of source, kind and path. */
  readonly items: readonly RetentionItem[];
  /** Files that are not old enough. */
  readonly young: number;
}

/** Why bytes that were delivered at a path must stay, as far as one target goes; null when they were ingested. */
function reasonToKeep(states: FileStates, path: string, sha: string): string | null {
  if (states.interrupted(path, sha) !== undefined) return 'its load began and did not end';
  if (states.request(path, sha) !== undefined) return 'it is to be loaded again';
  const outcome = states.outcome(path, sha);
  switch (outcome?.status) {
    case 'INGESTED':
    case 'REPROCESSED':
      return null;
    case 'SKIPPED':
      return states.owner(sha) === undefined ? 'no file with its bytes is loaded any more' : null;
    case 'QUARANTINED':
      return 'it is held until somebody decides';
    case 'FAILED':
    case 'RETRYING':
      return `its load failed: ${outcome.error ?? outcome.errorCode ?? 'no error was written down'}`;
    default:
      return 'it was never loaded';
  }
}

/**
 * Why bytes that were delivered at a path must stay; null when every target that knows them, and `target` in any case, has ingested them.
 * What the ledger does not know is kept.
 */
export function retentionProblem(
  states: SourceStates,
  file: { readonly path: string; readonly sha: string },
  target?: string,
): string | null {
  const knows = (some: FileStates) => some.latest(file.path, file.sha) !== undefined;
  const targets = [...states].filter(([name, some]) => name === target || knows(some));
  if (targets.length === 0 || (target !== undefined && !states.has(target))) return 'the ledger does not know it';
  for (const [name, some] of targets) {
    const reason = knows(some) ? reasonToKeep(some, file.path, file.sha) : 'the ledger does not know it';
    if (reason !== null) return states.size > 1 ? `${name}: ${reason}` : reason;
  }
  return null;
}

/** When a raw copy was made: its newest manifest says so; without one, the end of the day it is filed under. */
function madeAt(copy: RawCopy): number {
  const pulled = copy.manifests
    .map((manifest) => Date.parse(manifest.pull_ts_utc))
    .filter((time) => !Number.isNaN(time));
  return pulled.length > 0 ? Math.max(...pulled) : Date.parse(copy.ingestDate) + DAY_MS;
}

function rawProblem(copy: RawCopy, states: SourceStates): string | null {
  if (copy.manifests.length === 0) return 'there is no manifest beside it';
  const problems = copy.manifests.map(({ path }) => retentionProblem(states, { path, sha: copy.sha }));
  return problems.find((problem) => problem !== null) ?? null;
}

class Planner {
  readonly items: RetentionItem[] = [];
  young = 0;
  readonly #request: RetentionRequest;
  readonly #states = new Map<string, Promise<SourceStates>>();

  constructor(request: RetentionRequest) {
    this.#request = request;
  }

  wants(source: string): boolean {
    return this.#request.sources?.includes(source) ?? true;
  }

  statesOf(source: string): Promise<SourceStates> {
    const states = this.#states.get(source) ?? this.#request.states(source);
    this.#states.set(source, states);
    return states;
  }

  /** Days since `time`; undefined, and counted, for what is not old enough. */
  #ageOf(time: number): number | undefined {
    const age = (this.#request.now - time) / DAY_MS;
    if (age > this.#request.olderThanDays) return Math.floor(age);
    this.young++;
    return undefined;
  }

  async addRaw(copy: RawCopy): Promise<void> {
    const ageDays = this.#ageOf(madeAt(copy));
    if (ageDays === undefined) return;
    const { source, path, sha, size } = copy;
    const refused = rawProblem(copy, await this.statesOf(source));
    this.items.push({ kind: 'raw', source, path, sha, size, ageDays, refused, raw: copy });
  }

  /** `claims`: every source that the file belongs to. */
  async addFile(claim: Claim, claims: readonly Claim[]): Promise<void> {
    const { source, listed } = claim;
    const { path, size, location } = listed;
    const ageDays = this.#ageOf(listed.modified);
    if (ageDays === undefined) return;
    const item = { kind: 'file' as const, source: source.name, path, size, ageDays };
    if (listed.waiting !== null) {
      this.items.push({ ...item, sha: null, refused: `it has not arrived: ${listed.waiting}` });
      return;
    }
    try {
      const fingerprint = await readFingerprint(location);
      const refused = await this.#fileProblem(claims, fingerprint.sha256);
      this.items.push({ ...item, sha: fingerprint.sha256, refused, file: { location, fingerprint } });
    } catch (error) {
      if (!(error instanceof LakeError) || !error.code.startsWith('SOURCE_')) throw error;
      this.items.push({ ...item, sha: null, refused: error.message });
    }
  }

  async #fileProblem(claims: readonly Claim[], sha: string): Promise<string | null> {
    for (const { source, listed } of claims) {
      const states = await this.statesOf(source.name);
      const problem = retentionProblem(states, { path: listed.path, sha }, source.target);
      if (problem !== null) return claims.length > 1 ? `source ${source.name}: ${problem}` : problem;
    }
    return null;
  }
}

interface Claim {
  readonly source: ResolvedSource;
  readonly listed: ListedFile;
}

async function listIfAny(source: ResolvedSource, now: number): Promise<readonly ListedFile[]> {
  try {
    return await listSource(source, now);
  } catch (error) {
    // Its only file went away, perhaps by an earlier retention.
    if (error instanceof LakeError && error.code === 'USAGE') return [];
    throw error;
  }
}

/** Where a file really is: a link to its folder gives it a second place. */
function realPlace(location: string): string {
  try {
    return join(realpathSync(dirname(location)), basename(location));
  } catch {
    return location;
  }
}

/** Who claims each delivered file, by where it really is. */
async function claimsOf(sources: readonly ResolvedSource[], now: number): Promise<ReadonlyMap<string, Claim[]>> {
  const claims = new Map<string, Claim[]>();
  for (const source of sources.filter(({ type }) => type === 'file')) {
    for (const listed of await listIfAny(source, now)) {
      const place = realPlace(listed.location);
      const others = claims.get(place);
      if (others === undefined) claims.set(place, [{ source, listed }]);
      else others.push({ source, listed });
    }
  }
  return claims;
}

function compareItems(a: RetentionItem, b: RetentionItem): number {
  const key = (item: RetentionItem) => [item.source, item.kind, item.path].join('\0');
  return key(a) < key(b) ? -1 : 1;
}

/**
 * Which raw copies and delivered files are older than so many days, and which of them may go (R12): only bytes that the ledger has as ingested,
 * everywhere they are wanted. What failed, is held, is under way or is unknown is refused with its reason. Changes nothing.
 */
export async function planRetention(request: RetentionRequest): Promise<RetentionPlan> {
  const planner = new Planner(request);
  for (const copy of await listRawCopies(request.store)) {
    if (planner.wants(copy.source)) await planner.addRaw(copy);
  }
  for (const claims of (await claimsOf(request.files ?? [], request.now)).values()) {
    const claim = claims.find(({ source }) => planner.wants(source.name));
    if (claim !== undefined) await planner.addFile(claim, claims);
  }
  return { items: planner.items.sort(compareItems), young: planner.young };
}
