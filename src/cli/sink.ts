import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { EXIT, LakeError, messageOf } from '../base/lake-error.js';
import type { Terminal } from './io.js';

/** Where text goes. `write` waits until the receiver has taken it, so that nothing piles up in memory. */
export interface Sink {
  /** True when the reader has gone (`| head`): what follows is dropped, the writer may stop. */
  readonly closed: boolean;
  write(text: string): Promise<void>;
  /** Makes the result visible; a file appears whole or not at all. */
  end(): Promise<void>;
  /** Gives up: a file that was begun disappears. */
  abort(): Promise<void>;
}

/** Writes to standard output. A reader that has gone is no error. */
export function stdoutSink(stdout: Terminal): Sink {
  let closed = false;
  return {
    get closed() {
      return closed;
    },
    write(text) {
      if (closed || text === '') return Promise.resolve();
      return new Promise((resolve, reject) => {
        stdout.write(text, (error) => {
          if (!error) return resolve();
          const { code } = error as NodeJS.ErrnoException;
          if (code !== 'EPIPE' && code !== 'ERR_STREAM_DESTROYED') return reject(outputError('standard output', error));
          closed = true;
          resolve();
        });
      });
    },
    end: () => Promise.resolve(),
    abort: () => Promise.resolve(),
  };
}

/** Writes a file beside its final name and renames it at the end. A pipe or device (`/dev/stderr`) is written directly. */
export async function fileSink(file: string): Promise<Sink> {
  const existing = await stat(file).catch(() => undefined);
  const direct = existing !== undefined && !existing.isFile();
  const temporary = direct ? file : `${file}.${randomUUID()}.tmp`;
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'w');
  } catch (error) {
    throw new LakeError('OUTPUT', `cannot write: ${messageOf(error)}`, {
      place: file,
      exitCode: EXIT.usage,
      cause: error,
    });
  }
  const guard = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      throw outputError(file, error);
    }
  };
  return {
    closed: false,
    write: (text) => guard(() => handle.write(text)),
    end: () =>
      guard(async () => {
        await handle.close();
        if (!direct) await rename(temporary, file);
      }),
    async abort() {
      await handle.close().catch(() => undefined);
      if (!direct) await rm(temporary, { force: true });
    },
  };
}

function outputError(place: string, cause: unknown): LakeError {
  return new LakeError('OUTPUT', `cannot write the result: ${messageOf(cause)}`, { place, cause });
}
