import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LakeError, messageOf } from '../../base/lake-error.js';

const LF = 10;
const ONE = 0x31;
const BUFFER_BYTES = 1024 * 1024;

/** What went into a file. */
export interface CopiedRows {
  readonly bytes: number;
  readonly rows: number;
  /** Bytes of the longest one, its line end included. */
  readonly longest: number;
  /** Rows whose mark is 1. */
  readonly marked: number;
}

/** Counts rows of COPY's text format as they pass: each ends with the only line feed in it, and starts with a mark of one digit. */
class RowCounter {
  bytes = 0;
  rows = 0;
  longest = 0;
  marked = 0;
  /** Bytes of the row that is not over yet. */
  #pending = 0;

  add(chunk: Buffer): void {
    let start = 0;
    if (this.#pending === 0 && chunk[0] === ONE) this.marked++;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      const size = this.#pending + end + 1 - start;
      if (size > this.longest) this.longest = size;
      this.rows++;
      this.#pending = 0;
      start = end + 1;
      if (chunk[start] === ONE) this.marked++;
    }
    this.#pending += chunk.length - start;
    this.bytes += chunk.length;
  }

  /** Throws when the last row has no end. */
  end(): CopiedRows {
    if (this.#pending > 0) throw new Error('the last row is not complete');
    const { bytes, rows, longest, marked } = this;
    return { bytes, rows, longest, marked };
  }
}

function storageError(file: string, error: unknown): LakeError {
  const hint = 'free some disk space, or use another folder for temporary files; then run the same command again';
  const message = `cannot write what was read: ${messageOf(error)}`;
  return new LakeError('STORAGE', message, { place: file, cause: error, retryable: true, hint });
}

/**
 * Writes the bytes of a COPY to a file as fast as both ends go; `onProgress` is told the rows and bytes so far. Rejects with the error of the stream as it is,
 * and with code `STORAGE` when the file cannot be written.
 */
export async function writeRows(
  rows: Readable,
  file: string,
  onProgress: (rows: number, bytes: number) => void,
): Promise<CopiedRows> {
  const counter = new RowCounter();
  const out = createWriteStream(file, { highWaterMark: BUFFER_BYTES });
  let failure: unknown;
  out.once('error', (error) => {
    failure = error;
  });
  const counted = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      counter.add(chunk);
      onProgress(counter.rows, counter.bytes);
      yield chunk;
    }
  };
  try {
    await pipeline(rows, counted, out);
  } catch (error) {
    throw error === failure ? storageError(file, error) : error;
  }
  return counter.end();
}
