import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { LakeError } from '../../base/lake-error.js';
import { readFingerprint } from '../../sources/index.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { storedBytes } from '../load/raw-copy.js';
import type { FileEvent } from '../model.js';
import { shortSha } from '../plan/decide.js';
import type { FileStates } from '../plan/state.js';
import type { VerifyFinding } from './verify-finding.js';

type Finding = Omit<VerifyFinding, 'target'>;

export interface FileCheck {
  /** The store of the lake: raw copies are in it. */
  readonly store: ObjectStore;
  /** Reads the bytes; else only whether the files are there and how long they are. */
  readonly full: boolean;
  readonly onBytes?: (bytes: number) => void;
}

interface Facts {
  readonly kind: VerifyFinding['kind'];
  readonly level?: VerifyFinding['level'];
  readonly expected: number | string | null;
  readonly found: number | string | null;
  readonly message: string;
  readonly hint: string | null;
}

function about(event: FileEvent, { level = 'error', ...facts }: Facts): Finding {
  const { source, path, sha } = event;
  return { ...facts, level, source, path, sha, repaired: false };
}

/** Bytes of a file; undefined when it is not there or is no file. */
async function sizeOf(location: string): Promise<number | undefined> {
  const found = await stat(location).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

/** The SHA-256 of a file, or why it cannot be read. */
async function shaOf(location: string, { onBytes }: FileCheck): Promise<{ sha?: string; problem?: string }> {
  try {
    return { sha: (await readFingerprint(location, onBytes)).sha256 };
  } catch (error) {
    if (error instanceof LakeError) return { problem: error.message };
    throw error;
  }
}

const RAW_HINT =
  'restore it from a backup, or "reprocess" the path to keep a new copy while the source still has the bytes';

async function storedSha(store: ObjectStore, path: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const bytes of storedBytes(store, path, size)) hash.update(bytes);
  return hash.digest('hex');
}

/** The copy of the bytes that a load kept: is it there, and is it what was loaded? */
async function verifyKeptCopy(event: FileEvent, { store, full }: FileCheck): Promise<Finding[]> {
  const kept = event.detail['raw_path'];
  if (typeof kept !== 'string') return [];
  const meta = await store.findMeta(kept);
  if (meta === undefined) {
    const message = `the copy of ${shortSha(event.sha)} is not there: ${kept}`;
    // Retention takes the manifest away with the copy, accidents leave it.
    const manifest = await store.findMeta(`${kept.slice(0, kept.lastIndexOf('/'))}/manifest.json`);
    const level = manifest === undefined ? 'info' : 'error';
    const hint = manifest === undefined ? null : RAW_HINT;
    return [about(event, { kind: 'raw_missing', level, expected: kept, found: null, message, hint })];
  }
  const { size } = meta;
  if (event.size !== null && size !== event.size) {
    const message = `the copy ${kept} has ${size.toLocaleString('en')} bytes, ${event.size.toLocaleString('en')} were loaded`;
    return [about(event, { kind: 'raw_changed', expected: event.size, found: size, message, hint: RAW_HINT })];
  }
  const sha = full ? await storedSha(store, kept, size) : event.sha;
  if (sha === event.sha) return [];
  const message = `the copy ${kept} has other bytes than were loaded (${shortSha(sha)})`;
  return [about(event, { kind: 'raw_changed', expected: event.sha, found: sha, message, hint: RAW_HINT })];
}

/** The file itself, where it was: does it still have the bytes that the ledger has for its path? */
async function verifySource(states: FileStates, event: FileEvent, check: FileCheck): Promise<Finding[]> {
  const { location } = event.detail;
  // What is on a server is looked at by the next run over it.
  if (typeof location !== 'string' || /^\w+:\/\//.test(location)) return [];
  const size = await sizeOf(location);
  if (size === undefined) {
    const message = `${location} is not there any more; its rows stay`;
    return [
      about(event, { kind: 'source_missing', level: 'info', expected: location, found: null, message, hint: null }),
    ];
  }
  const { sha, problem } = await shaOf(location, check);
  if (sha === event.sha) return [];
  // Bytes that were held or that failed are in the ledger: nobody has to be told again.
  const known = sha !== undefined && states.latest(event.path, sha) !== undefined;
  const message =
    problem ??
    `${location} has other bytes now (${shortSha(sha ?? '')}) than the ledger has for it (${shortSha(event.sha)})${known ? ', which the ledger knows' : ''}`;
  const hint = known
    ? 'lakeledger explain tells why they are not loaded'
    : 'the next "ingest" takes it as a correction';
  const level = known ? 'info' : 'error';
  return [about(event, { kind: 'source_changed', level, expected: event.sha, found: sha ?? null, message, hint })];
}

/** Checks the raw copies of everything that is loaded, and with `full` the sources of the current content of each path. */
export async function verifyFiles(states: FileStates, check: FileCheck): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const path of states.paths()) {
    for (const load of states.loads(path)) findings.push(...(await verifyKeptCopy(load, check)));
    const current = check.full ? states.current(path) : undefined;
    if (current !== undefined) findings.push(...(await verifySource(states, current, check)));
  }
  return findings;
}
