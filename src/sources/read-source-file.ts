import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { extname } from 'node:path';
import { LakeError, messageOf } from '../base/lake-error.js';
import { CsvRowCounter, JsonRowCounter, LineCounter, type RowCounter } from './row-count.js';

/** What the bytes of a file say. */
export interface FileContent {
  /** Git's blob id: SHA-1 of `blob <size>\0` and the bytes; null when it was not asked for. */
  readonly sha: string | null;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** Rows of CSV, TSV, JSON and NDJSON files; null for others and for content that is not what its name says. */
  readonly rows: number | null;
}

const CHUNK_BYTES = 256 * 1024;
const ATTEMPTS = 3;

function counterFor(path: string): RowCounter | undefined {
  switch (extname(path).toLowerCase()) {
    case '.csv':
    case '.tsv':
      return new CsvRowCounter();
    case '.json':
      return new JsonRowCounter();
    case '.ndjson':
    case '.jsonl':
      return new LineCounter();
    default:
      return undefined;
  }
}

/** Gives the counter UTF-8 without byte order mark, whatever the file is in. */
class TextCounter {
  readonly #counter: RowCounter;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #started = false;

  constructor(counter: RowCounter) {
    this.#counter = counter;
  }

  push(bytes: Buffer): void {
    let body = bytes;
    if (!this.#started) {
      this.#started = true;
      const mark = bytes.toString('latin1', 0, 3);
      if (mark.startsWith('\xff\xfe')) this.#decoder = new TextDecoder('utf-16le');
      else if (mark.startsWith('\xfe\xff')) this.#decoder = new TextDecoder('utf-16be');
      else if (mark === '\xef\xbb\xbf') body = bytes.subarray(3);
    }
    this.#counter.push(this.#decoder === undefined ? body : Buffer.from(this.#decoder.decode(body, { stream: true })));
  }

  end(): number | null {
    return this.#counter.end();
  }
}

/** One pass over the open file; undefined when its size changed meanwhile. */
async function readOnce(handle: FileHandle, path: string, wantsSha: boolean): Promise<FileContent | undefined> {
  const { size, mtimeMs } = await handle.stat();
  const counter = counterFor(path);
  const text = counter === undefined ? undefined : new TextCounter(counter);
  if (!wantsSha && text === undefined) return { sha: null, size, modified: mtimeMs, rows: null };
  const hash = wantsSha ? createHash('sha1').update(`blob ${size}\0`) : undefined;
  let position = 0;
  for (;;) {
    // A fresh buffer each time: the counters keep parts of it.
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, size - position + 1)));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    const bytes = buffer.subarray(0, bytesRead);
    hash?.update(bytes);
    text?.push(bytes);
    position += bytesRead;
    if (position > size) return undefined;
  }
  const after = await handle.stat();
  if (position !== size || after.size !== size || after.mtimeMs !== mtimeMs) return undefined;
  return { sha: hash?.digest('hex') ?? null, size, modified: mtimeMs, rows: text?.end() ?? null };
}

/**
 * Size, time, row count and (with `wantsSha`) blob id of one file, in one pass with bounded memory. A file that changes meanwhile is read again;
 * rejects with a `LakeError` of code `SOURCE_CHANGED` when it does not come to rest, `SOURCE_UNREADABLE` when it cannot be read.
 */
export async function readSourceFile(path: string, wantsSha: boolean): Promise<FileContent> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const content = await readOnce(handle, path, wantsSha);
      if (content !== undefined) return content;
    }
  } catch (error) {
    throw new LakeError('SOURCE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { place: path, cause: error });
  } finally {
    await handle?.close();
  }
  throw new LakeError('SOURCE_CHANGED', `${path} changed while it was read`, {
    place: path,
    retryable: true,
    hint: 'scan it again when nothing writes to it',
  });
}
