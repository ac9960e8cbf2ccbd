import { createHash } from 'node:crypto';
import { rm, utimes } from 'node:fs/promises';
import { LakeError, messageOf } from '../../base/lake-error.js';
import { assertUnchanged } from '../../sources/index.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type RawCopy, safePart, storedBytes, verifiedBytes, writeRawManifest } from '../load/raw-copy.js';
import type { RetentionItem, RetentionPlan } from './retention.js';

export interface ApplyRetention {
  /** The store of the lake. */
  readonly store: ObjectStore;
  /** Where files are moved to; without it they are deleted. */
  readonly archive?: ObjectStore;
  /** Called after each file. */
  readonly onItem?: (done: number, total: number) => void;
}

/** An item of a plan and what became of it: `refused` ones stay, `failed` ones too. */
export interface RetentionOutcome {
  readonly item: RetentionItem;
  readonly outcome: 'archived' | 'deleted' | 'refused' | 'failed';
  readonly error: LakeError | null;
}

/** The bytes of a raw copy; fails at the end when they are not what its place says. */
async function* copyBytes(store: ObjectStore, copy: RawCopy): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const bytes of storedBytes(store, copy.path, copy.size)) {
    hash.update(bytes);
    yield bytes;
  }
  const found = hash.digest('hex');
  if (found === copy.sha) return;
  throw new LakeError('STORAGE', `the raw copy is damaged: its bytes have SHA-256 ${found}`, { place: copy.path });
}

async function moveRaw(copy: RawCopy, { store, archive }: ApplyRetention): Promise<void> {
  if (archive !== undefined) {
    await archive.putStream(copy.path, copyBytes(store, copy));
    for (const manifest of copy.manifests) await writeRawManifest(archive, copy.path, manifest);
  }
  await store.delete(copy.path);
  const folder = copy.path.slice(0, copy.path.lastIndexOf('/'));
  const rest = (await store.list(folder)).filter((path) => !/\/(?:\.[^/]*|manifest\.json)$/.test(path));
  if (rest.length === 0) await store.delete(`${folder}/manifest.json`);
}

/** A place in the archive that no other content can take, and from which the file can be put back. */
function archivePath({ source, path, sha }: RetentionItem): string {
  const parts = path.split('/').filter((part) => part !== '');
  return `files/${safePart(source)}/file_sha=${sha}/${parts.map(safePart).join('/')}`;
}

async function moveFile(item: RetentionItem, { archive }: ApplyRetention): Promise<void> {
  const { location, fingerprint } = item.file as NonNullable<RetentionItem['file']>;
  if (archive !== undefined) {
    const path = archivePath(item);
    await archive.putStream(path, verifiedBytes(location, fingerprint.sha256));
    const time = fingerprint.modified / 1000;
    await utimes(archive.location(path), time, time);
  }
  await assertUnchanged(location, fingerprint);
  try {
    await rm(location);
  } catch (error) {
    throw new LakeError('STORAGE', `cannot delete: ${messageOf(error)}`, { place: location, cause: error });
  }
}

/**
 * Archives or deletes what a plan lets go. A copy in the archive is whole and durable, with the right bytes, before the file goes. One that
 * cannot be moved stays where it is, with its error, and does not stop the others. A run that was cut off is finished by the next one.
 */
export async function applyRetention(
  plan: RetentionPlan,
  options: ApplyRetention,
): Promise<readonly RetentionOutcome[]> {
  const outcomes: RetentionOutcome[] = [];
  for (const item of plan.items) {
    outcomes.push(await applyItem(item, options));
    options.onItem?.(outcomes.length, plan.items.length);
  }
  return outcomes;
}

async function applyItem(item: RetentionItem, options: ApplyRetention): Promise<RetentionOutcome> {
  if (item.refused !== null) return { item, outcome: 'refused', error: null };
  try {
    if (item.raw !== undefined) await moveRaw(item.raw, options);
    else await moveFile(item, options);
    return { item, outcome: options.archive === undefined ? 'deleted' : 'archived', error: null };
  } catch (error) {
    if (!(error instanceof LakeError)) throw error;
    return { item, outcome: 'failed', error };
  }
}
