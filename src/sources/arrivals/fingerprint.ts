import { createHash } from 'node:crypto';
import fs, { type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import { breathe } from './breathe.js';

/** What identifies the content of a file, and the state of the file that it was read in. */
export interface Fingerprint {
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
  /** The id that git gives these bytes: SHA-1 of `blob <size>\0` and the bytes, hex; null for what has no bytes of its own. */
  readonly gitSha: string | null;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Size, times of content and inode in nanoseconds, inode: another key means that the file may be another one. */
  readonly changeKey: string;
}

const CHUNK_BYTES = 1024 * 1024;
/** A file of this size or less is read with synchronous calls: five times faster than through the thread pool. */
const SMALL_BYTES = 256 * 1024;
const ATTEMPTS = 3;

function changeKeyOf(stat: BigIntStats): string {
  return `${stat.size}-${stat.mtimeNs}-${stat.ctimeNs}-${stat.ino}`;
}

function unreadable(location: string, error: unknown): LakeError {
  return new LakeError('SOURCE_UNREADABLE', `cannot read ${location}: ${messageOf(error)}`, {
    place: location,
    exitCode: EXIT.data,
    cause: error,
  });
}

/** The error of a file that is not at rest. */
export function sourceChanged(location: string, what: string): LakeError {
  return new LakeError('SOURCE_CHANGED', `${location} ${what}`, {
    place: location,
    retryable: true,
    exitCode: EXIT.data,
    hint: 'run the same command again when nothing writes to it',
  });
}

/** Both hashes of a content whose size is known before. */
export class Hashes {
  readonly #sha256 = createHash('sha256');
  readonly #git;

  constructor(size: bigint | number) {
    this.#git = createHash('sha1').update(`blob ${size}\0`);
  }

  update(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#git.update(bytes);
  }

  /** Once, at the end. */
  digest(): Pick<Fingerprint, 'sha256' | 'gitSha'> {
    return { sha256: this.#sha256.digest('hex'), gitSha: this.#git.digest('hex') };
  }

  fingerprint(stat: BigIntStats): Fingerprint {
    return {
      ...this.digest(),
      size: Number(stat.size),
      modified: Number(stat.mtimeNs / 1000n) / 1000,
      changeKey: changeKeyOf(stat),
    };
  }
}

type OnBytes = (bytes: number) => void;

/** Undefined when the file is no small one, `'changed'` when it changed meanwhile. */
function readSmall(location: string, onBytes: OnBytes | undefined): Fingerprint | 'changed' | undefined {
  const handle = fs.openSync(location, 'r');
  try {
    const stat = fs.fstatSync(handle, { bigint: true });
    if (stat.size > SMALL_BYTES) return undefined;
    const size = Number(stat.size);
    const buffer = Buffer.allocUnsafe(size + 1);
    let length = 0;
    for (;;) {
      const read = fs.readSync(handle, buffer, length, buffer.length - length, length);
      length += read;
      if (read === 0 || length > size) break;
    }
    if (length !== size || changeKeyAt(location) !== changeKeyOf(stat)) return 'changed';
    const hashes = new Hashes(stat.size);
    hashes.update(buffer.subarray(0, size));
    onBytes?.(size);
    return hashes.fingerprint(stat);
  } finally {
    fs.closeSync(handle);
  }
}

/** One pass over a file of any size; undefined when it changed meanwhile. */
async function readLarge(location: string, onBytes: OnBytes | undefined): Promise<Fingerprint | undefined> {
  const handle = await open(location, 'r');
  try {
    const stat = await handle.stat({ bigint: true });
    const hashes = new Hashes(stat.size);
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let position = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      if (position > stat.size) return undefined;
      hashes.update(buffer.subarray(0, bytesRead));
      onBytes?.(bytesRead);
    }
    const same = BigInt(position) === stat.size && changeKeyAt(location) === changeKeyOf(stat);
    return same ? hashes.fingerprint(stat) : undefined;
  } finally {
    await handle.close();
  }
}

/** The `changeKey` of what is there now. By path and not by handle: a file that was replaced by another one meanwhile is seen too. */
export function changeKeyAt(location: string): string | undefined {
  const stat = fs.statSync(location, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : changeKeyOf(stat);
}

/**
 * SHA-256 and git's blob id of a file in one pass with bounded memory; `onBytes` is told how many bytes were read each time. A file that
 * changes meanwhile is read again; rejects with a `LakeError` of code `SOURCE_CHANGED` (retryable) when it does not come to rest,
 * `SOURCE_UNREADABLE` when it cannot be read.
 */
export async function readFingerprint(location: string, onBytes?: OnBytes): Promise<Fingerprint> {
  await breathe();
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = readSmall(location, onBytes) ?? (await readLarge(location, onBytes));
      if (found !== undefined && found !== 'changed') return found;
    }
  } catch (error) {
    throw unreadable(location, error);
  }
  throw sourceChanged(location, 'changed while it was read');
}

/** Rejects with a `LakeError` of code `SOURCE_CHANGED` (retryable) when the file is not in the state any more that `before` was read in. */
export async function assertUnchanged(location: string, before: Fingerprint): Promise<void> {
  let key: string | undefined;
  try {
    key = changeKeyAt(location);
  } catch (error) {
    throw unreadable(location, error);
  }
  if (key === undefined) throw sourceChanged(location, 'went away while it was read');
  if (key !== before.changeKey) throw sourceChanged(location, 'changed after it was first read');
}
