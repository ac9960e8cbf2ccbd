import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import type { FileManifest } from '../../sources/index.js';
import type { ObjectStore } from '../../storage/object-store.js';

const FOLDER = 'raw';
const MANIFEST = 'manifest.json';
const CHUNK_BYTES = 1024 * 1024;

/** The file manifest that stands beside a raw copy, with what the ingest says about the file. */
export type RawManifest = FileManifest & { readonly ingest?: Readonly<Record<string, unknown>> };

export interface RawCopyRequest {
  /** The store of the lake. */
  readonly store: ObjectStore;
  /** The file to copy. */
  readonly location: string;
  readonly source: string;
  /** `YYYY-MM-DD`. */
  readonly ingestDate: string;
  /** SHA-256 of the bytes that are wanted, hex. */
  readonly sha: string;
  /** Name of the file, without folders. */
  readonly name: string;
}

/** A file as it was delivered, kept in the lake. */
export interface RawCopy {
  readonly source: string;
  readonly ingestDate: string;
  readonly sha: string;
  readonly name: string;
  /** In the store of the lake. */
  readonly path: string;
  readonly size: number;
  /** The first of `manifests`. */
  readonly manifest: RawManifest | null;
  /** One for each path that these bytes came with. */
  readonly manifests: readonly RawManifest[];
}

/** A name as one part of a path: nothing in it leads elsewhere, hides the file or takes the place of the manifest. `decodeURIComponent` undoes it. */
export function safePart(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be in a path
  const safe = name.replaceAll(/[%/\\\u0000-\u001f\u007f]|^\./g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return safe === MANIFEST ? 'manifest%2Ejson' : safe;
}

function originalPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function folderOf({ source, ingestDate, sha }: Pick<RawCopyRequest, 'source' | 'ingestDate' | 'sha'>): string {
  if (source === '' || !/^\d{4}-\d{2}-\d{2}$/.test(ingestDate) || !/^[0-9a-f]{64}$/.test(sha)) {
    throw new LakeError('STORAGE', `no place for a raw copy of ${source} of ${ingestDate} with SHA-256 ${sha}`);
  }
  return `${FOLDER}/${safePart(source)}/ingest_date=${ingestDate}/file_sha=${sha}`;
}

function unreadable(location: string, error: unknown): LakeError {
  return new LakeError('SOURCE_UNREADABLE', `cannot read ${location}: ${messageOf(error)}`, {
    place: location,
    exitCode: EXIT.data,
    cause: error,
  });
}

/** The bytes of a file; fails at the end when they are not those of `sha`. */
export async function* verifiedBytes(location: string, sha: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const handle = await open(location, 'r').catch((error: unknown) => {
    throw unreadable(location, error);
  });
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null).catch((error: unknown) => {
        throw unreadable(location, error);
      });
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      hash.update(bytes);
      yield bytes;
    }
  } finally {
    await handle.close();
  }
  if (hash.digest('hex') === sha) return;
  throw new LakeError('SOURCE_CHANGED', `${location} changed after it was first read`, {
    place: location,
    retryable: true,
    exitCode: EXIT.data,
    hint: 'run the same command again when nothing writes to it',
  });
}

/**
 * Keeps the bytes of a delivered file at `raw/<source>/ingest_date=…/file_sha=…/<name>` in the lake and returns that path. What is there already is left alone.
 * Rejects with code `SOURCE_CHANGED` (retryable) when the file does not have the bytes of `sha` any more; nothing is there then.
 */
export async function keepRawCopy(request: RawCopyRequest): Promise<string> {
  const { store, location, sha } = request;
  const path = `${folderOf(request)}/${safePart(request.name)}`;
  const there = await store.findMeta(path);
  if (there !== undefined) {
    const source = await stat(location).catch((error: unknown) => {
      throw unreadable(location, error);
    });
    if (source.size === there.size) return path;
  }
  await store.putStream(path, verifiedBytes(location, sha));
  return path;
}

function parseManifests(bytes: Uint8Array): RawManifest[] {
  const manifests: RawManifest[] = [];
  for (const line of Buffer.from(bytes).toString().split('\n')) {
    try {
      const value: unknown = line === '' ? null : JSON.parse(line);
      if (typeof value === 'object' && value !== null && 'path' in value) manifests.push(value as RawManifest);
    } catch {
      // What is no manifest says nothing; verifying tells that there is none.
    }
  }
  return manifests;
}

async function readManifests(store: ObjectStore, folder: string): Promise<RawManifest[]> {
  const path = `${folder}/${MANIFEST}`;
  return (await store.findMeta(path)) === undefined ? [] : parseManifests(await store.get(path));
}

/**
 * Writes the manifest of a raw copy beside it, in `manifest.json`. The same bytes may have come with several paths: then it holds their manifests,
 * one a line, the newest of each path.
 */
export async function writeRawManifest(store: ObjectStore, path: string, manifest: RawManifest): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const others = (await readManifests(store, folder)).filter((other) => other.path !== manifest.path);
  const lines = [...others, manifest].map((each) => `${JSON.stringify(each)}\n`);
  await store.put(`${folder}/${MANIFEST}`, Buffer.from(lines.join('')));
}

async function* copiesIn(store: ObjectStore, folder: string): AsyncGenerator<RawCopy> {
  const [, source = '', date = '', content = ''] = folder.split('/');
  const manifests = await readManifests(store, folder);
  for (const path of await store.list(folder)) {
    const part = path.slice(folder.length + 1);
    // What starts with a dot was left by a copy that was cut off.
    if (part === MANIFEST || part.startsWith('.')) continue;
    const size = (await store.findMeta(path))?.size ?? 0;
    yield {
      source: originalPart(source),
      ingestDate: date.slice('ingest_date='.length),
      sha: content.slice('file_sha='.length),
      name: originalPart(part),
      path,
      size,
      manifest: manifests[0] ?? null,
      manifests,
    };
  }
}

/** Names of the sources that have raw copies. */
export async function listRawSources(store: ObjectStore): Promise<readonly string[]> {
  return (await store.listFolders(FOLDER)).map(originalPart);
}

/** The raw copies of a lake, or of one source, in the order of their paths. */
export async function listRawCopies(store: ObjectStore, source?: string): Promise<readonly RawCopy[]> {
  const sources = source === undefined ? await store.listFolders(FOLDER) : [safePart(source)];
  const copies: RawCopy[] = [];
  for (const name of sources) {
    for (const date of await store.listFolders(`${FOLDER}/${name}`)) {
      if (!date.startsWith('ingest_date=')) continue;
      for (const content of await store.listFolders(`${FOLDER}/${name}/${date}`)) {
        if (!content.startsWith('file_sha=')) continue;
        for await (const copy of copiesIn(store, `${FOLDER}/${name}/${date}/${content}`)) copies.push(copy);
      }
    }
  }
  return copies;
}

/** The bytes of an object of the store, part by part. */
export async function* storedBytes(store: ObjectStore, path: string, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < size; start += CHUNK_BYTES) {
    yield await store.getRange(path, start, Math.min(size, start + CHUNK_BYTES));
  }
}

/** Reads a raw copy again: what is wrong with it, or null. */
export async function verifyRawCopy(store: ObjectStore, copy: RawCopy): Promise<string | null> {
  const meta = await store.findMeta(copy.path);
  if (meta === undefined) return 'the file is gone';
  const hash = createHash('sha256');
  for await (const bytes of storedBytes(store, copy.path, meta.size)) hash.update(bytes);
  const found = hash.digest('hex');
  if (found !== copy.sha) return `its bytes have SHA-256 ${found}`;
  return copy.manifests.length === 0 ? `there is no ${MANIFEST} beside it` : null;
}
