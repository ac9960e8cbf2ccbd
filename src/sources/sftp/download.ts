import { type FileHandle, open, rm } from 'node:fs/promises';
import { LakeError, messageOf } from '../../base/lake-error.js';
import { changeKeyAt, type Fingerprint, Hashes, sourceChanged } from '../arrivals/fingerprint.js';
import type { ListedFile } from '../arrivals/list-arrivals.js';
import { STATUS, sftpUnreadable, statusOf } from './errors.js';
import type { SftpLink } from './link.js';
import { stateOf } from './remote-tree.js';

/** Less than any server gives at once, so that an answer is whole. */
const CHUNK_BYTES = 30 * 1024;
/** Requests that are open at the same time: 1.9 MiB, which is what a connection may hold unread. */
const WINDOW = 64;

type OnBytes = (bytes: number) => void;

export interface DownloadRequest {
  readonly file: ListedFile;
  /** Path of the local copy; nothing is there yet. */
  readonly into: string;
  /** Is told how many bytes have come each time. */
  readonly onBytes: OnBytes | undefined;
}

function cannotWrite(into: string, error: unknown): LakeError {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  return new LakeError('STORAGE', `cannot write ${into}: ${messageOf(error)}`, {
    place: into,
    retryable: isFull,
    cause: error,
    ...(isFull ? { hint: 'free some disk space and run the same command again' } : {}),
  });
}

/** One file on its way: it goes over as many links as it takes, and no byte twice. It ends with `finish` or `discard`. */
export class Download {
  readonly #request: DownloadRequest;
  readonly #handle: FileHandle;
  readonly #hashes: Hashes;
  /** Bytes that are hashed and written. */
  #offset = 0;

  private constructor(request: DownloadRequest, handle: FileHandle) {
    this.#request = request;
    this.#handle = handle;
    this.#hashes = new Hashes(request.file.size);
  }

  static async start(request: DownloadRequest): Promise<Download> {
    try {
      return new Download(request, await open(request.into, 'wx'));
    } catch (error) {
      throw cannotWrite(request.into, error);
    }
  }

  /**
   * Brings what is still missing. Rejects with code `SOURCE_CHANGED` when the file is not the one that was listed, before or after;
   * `SOURCE_UNREADABLE` when the server does not give it; or as the link does, and then another link can go on.
   */
  async run(link: SftpLink): Promise<void> {
    const place = link.place(this.#request.file.location);
    let remote: Buffer | undefined;
    try {
      remote = await link.open(this.#request.file.location);
      await this.#compare(link, remote);
      await this.#read(link, remote);
      await this.#compare(link, remote);
    } catch (error) {
      if (statusOf(error) === STATUS.noSuchFile) throw sourceChanged(place, 'went away after it was listed');
      throw statusOf(error) === undefined ? error : sftpUnreadable(place, 'read', error);
    } finally {
      if (remote !== undefined) await link.closeHandle(remote);
    }
  }

  async finish(): Promise<Fingerprint> {
    const { file, into } = this.#request;
    let changeKey: string | undefined;
    try {
      await this.#handle.close();
      changeKey = changeKeyAt(into);
    } catch (error) {
      throw cannotWrite(into, error);
    }
    if (changeKey === undefined) throw sourceChanged(into, 'went away while it was written');
    return { ...this.#hashes.digest(), size: file.size, modified: file.modified, changeKey };
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#request.into, { force: true });
  }

  /** By path as well as by handle: a file that was replaced by another one is seen too. */
  async #compare(link: SftpLink, remote: Buffer): Promise<void> {
    const { file } = this.#request;
    const states = await Promise.all([link.statHandle(remote), link.stat(file.location)]);
    for (const { kind, size, modified } of states.map(stateOf)) {
      if (kind === 'file' && size === file.size && modified === file.modified) continue;
      const how = size === file.size ? '' : `: it had ${file.size} bytes, now ${size}`;
      throw sourceChanged(link.place(file.location), `changed after it was listed${how}`);
    }
  }

  async #read(link: SftpLink, remote: Buffer): Promise<void> {
    const { size, location } = this.#request.file;
    const buffers = Array.from({ length: Math.min(WINDOW, Math.ceil((size - this.#offset) / CHUNK_BYTES)) }, () =>
      Buffer.allocUnsafeSlow(CHUNK_BYTES),
    );
    const window: { readonly buffer: Buffer; readonly bytes: Buffer; readonly whole: Promise<boolean> }[] = [];
    let asked = this.#offset;
    const ask = (buffer: Buffer): void => {
      if (asked >= size) return;
      const bytes = buffer.subarray(0, Math.min(CHUNK_BYTES, size - asked));
      const whole = fill(bytes, asked, (rest, position) => link.read(remote, rest, position));
      // Only the first that fails is waited for.
      whole.catch(() => undefined);
      window.push({ buffer, bytes, whole });
      asked += bytes.length;
    };
    for (const buffer of buffers) ask(buffer);
    try {
      for (let next = window.shift(); next !== undefined; next = window.shift()) {
        if (!(await next.whole)) throw sourceChanged(link.place(location), 'became shorter while it was read');
        await this.#keep(next.bytes);
        ask(next.buffer);
      }
    } finally {
      await Promise.allSettled(window.map(({ whole }) => whole));
    }
  }

  async #keep(bytes: Buffer): Promise<void> {
    try {
      await this.#handle.write(bytes, 0, bytes.length, this.#offset);
    } catch (error) {
      throw cannotWrite(this.#request.into, error);
    }
    this.#hashes.update(bytes);
    this.#offset += bytes.length;
    this.#request.onBytes?.(bytes.length);
  }
}

/** Fills all of `bytes`, however short the single answers are; false when there is less. */
async function fill(
  bytes: Buffer,
  position: number,
  read: (rest: Buffer, position: number) => Promise<number>,
): Promise<boolean> {
  for (let done = 0; done < bytes.length; ) {
    const count = await read(bytes.subarray(done), position + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}
