import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { usageError } from '../../base/lake-error.js';
import { type Decoder, decoderFor, EncodingMismatch, encodingName, encodingOfHead } from './decoders.js';
import { type FileToStage, formatError, unreadable } from './model.js';
import { ZstdError, ZstdUnpacker } from './zstd.js';

const CHUNK_BYTES = 1024 * 1024;
/** Files that are shorter are read in one call. */
const HEAD_BYTES = 64 * 1024;

/** The first bytes of a file as they are on disk. */
export interface FileHead {
  readonly bytes: Buffer;
  /** Whether these are all. */
  readonly isWhole: boolean;
}

/** Reads the start of a file, and all of a small one. */
export function readHead(file: FileToStage): FileHead {
  let fd: number | undefined;
  try {
    fd = openSync(file.location, 'r');
    const buffer = Buffer.allocUnsafeSlow(Math.min(HEAD_BYTES, file.size + 1));
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, length);
    }
    return { bytes: buffer.subarray(0, length), isWhole: length < buffer.length };
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export type Packing = 'gzip' | 'zstd' | null;

/** How the first bytes say that a file is packed. */
export function packingOf(head: Buffer): Packing {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length < 4) return null;
  const magic = head.readUInt32LE(0);
  // A frame of Zstandard, or one to be skipped before it.
  return magic === 0xfd2fb528 || (magic >= 0x184d2a50 && magic <= 0x184d2a5f) ? 'zstd' : null;
}

/** Errors of zlib and of the streams over it that are about the bytes. */
function isDamage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('Z_');
}

/**
 * The text of a file, as UTF-8 without byte order mark, in pieces: unpacked and decoded. Reading begins anew with each call of `chunks`,
 * because the first pass may end with the knowledge that the encoding is another one.
 */
export class TextReader {
  readonly file: FileToStage;
  readonly #head: FileHead;
  readonly #packing: Packing;
  #encoding: string;
  readonly #guessed: boolean;
  readonly #marked: boolean;
  readonly #onProgress: ((bytes: number) => void) | undefined;
  #reported = 0;

  private constructor(
    file: FileToStage,
    about: {
      head: FileHead;
      packing: Packing;
      encoding: string;
      guessed: boolean;
      marked: boolean;
      onProgress?: (bytes: number) => void;
    },
  ) {
    this.file = file;
    this.#head = about.head;
    this.#packing = about.packing;
    this.#encoding = about.encoding;
    this.#guessed = about.guessed;
    this.#marked = about.marked;
    this.#onProgress = about.onProgress;
  }

  static async open(
    file: FileToStage,
    head: FileHead,
    options: { encoding: string; onProgress?: (bytes: number) => void },
  ): Promise<TextReader> {
    const label = options.encoding;
    const packing = packingOf(head.bytes);
    const first = await firstBytes(file, head, packing);
    const guessed = label === 'auto';
    const encoding = guessed ? encodingOfHead(first) : encodingName(label);
    if (encoding === undefined) throw usageError(`there is no encoding "${label}"`, { place: file.path });
    const marked = first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf;
    const { onProgress } = options;
    return new TextReader(file, {
      head,
      packing,
      encoding,
      guessed,
      marked,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  /** Whether the bytes on disk are the text as it is. */
  get direct(): boolean {
    return this.#packing === null && this.#encoding === 'utf-8' && !this.#marked;
  }

  /** What to tell about the way it is read. */
  get notes(): string[] {
    switch (this.#encoding) {
      case 'utf-8':
        return [];
      case 'latin1':
        return [this.#guessed ? 'neither UTF-8 nor windows-1252: read as latin1' : 'read as latin1'];
      case 'windows-1252':
        return [this.#guessed ? 'not UTF-8: read as windows-1252' : 'read as windows-1252'];
      default:
        return [`read as ${this.#encoding}`];
    }
  }

  /** Runs `pass` over the text; again in the next encoding when the bytes do not belong to the one that was assumed. */
  async pass<T>(work: (chunks: AsyncIterable<Buffer>) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(this.#chunks());
      } catch (error) {
        if (!(error instanceof EncodingMismatch)) throw error;
        if (!this.#fallBack())
          throw formatError(this.file, `it is not ${this.#encoding} text`, {
            hint: 'say its encoding in the format of the source, or have it delivered again',
          });
      }
    }
  }

  #fallBack(): boolean {
    if (!this.#guessed) return false;
    if (this.#encoding === 'utf-8') this.#encoding = 'windows-1252';
    else if (this.#encoding === 'windows-1252') this.#encoding = 'latin1';
    else return false;
    return true;
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    const decoder: Decoder = decoderFor(this.#encoding);
    const count = (bytes: number) => this.#count(bytes);
    for await (const bytes of unpacked(this.file, this.#packing, raw(this.file, this.#head, count))) {
      const text = decoder.push(bytes);
      if (text.length > 0) yield text;
    }
    const rest = decoder.end();
    if (rest.length > 0) yield rest;
  }

  /** Bytes are reported once, however often they are read. */
  #count(position: number): void {
    if (position <= this.#reported) return;
    this.#onProgress?.(position - this.#reported);
    this.#reported = position;
  }
}

async function firstBytes(file: FileToStage, head: FileHead, packing: Packing): Promise<Buffer> {
  if (packing === null) return head.bytes;
  for await (const bytes of unpacked(
    file,
    packing,
    raw(file, head, () => undefined),
  ))
    if (bytes.length > 0) return bytes;
  return Buffer.alloc(0);
}

/** The bytes on disk. */
async function* raw(file: FileToStage, head: FileHead, count: (position: number) => void): AsyncGenerator<Buffer> {
  if (head.isWhole) {
    count(head.bytes.length);
    yield head.bytes;
    return;
  }
  try {
    let position = 0;
    for await (const chunk of createReadStream(file.location, { highWaterMark: CHUNK_BYTES })) {
      position += (chunk as Buffer).length;
      count(position);
      yield chunk as Buffer;
    }
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function* unpacked(file: FileToStage, packing: Packing, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (packing === null) yield* source;
  else if (packing === 'zstd') yield* unzstd(file, source);
  else yield* gunzipped(file, source);
}

async function* gunzipped(file: FileToStage, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const input = Readable.from(source, { objectMode: false }).once('error', (error) => gunzip.destroy(error));
  input.pipe(gunzip);
  try {
    for await (const bytes of gunzip) yield bytes as Buffer;
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw formatError(file, `the gzip data is damaged or ends early (${(error as Error).message})`, {
      hint: 'have it delivered again',
    });
  } finally {
    // Closes the file when the reading ends before it does.
    input.destroy();
  }
}

async function* unzstd(file: FileToStage, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacker = new ZstdUnpacker();
  try {
    for await (const bytes of source) yield* unpacker.push(bytes);
    unpacker.end();
  } catch (error) {
    if (!(error instanceof ZstdError)) throw error;
    throw formatError(file, `the zstd data is damaged or ends early (${error.message})`, {
      hint: 'have it delivered again',
    });
  }
}
