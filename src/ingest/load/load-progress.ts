import type { OnProgress } from '../../base/progress.js';

/** A file whose reading is followed. */
export interface FollowedFile {
  readonly path: string;
  readonly size: number;
}

/** Tells how far the loads of a run are: files and bytes of the whole, and the file at work. */
export class LoadProgress {
  readonly #onProgress: OnProgress | undefined;
  readonly #files: number;
  readonly #bytes: number;
  #doneFiles = 0;
  #doneBytes = 0;
  #file: FollowedFile | undefined;
  #read = 0;

  constructor(onProgress: OnProgress | undefined, files: readonly FollowedFile[]) {
    this.#onProgress = onProgress;
    this.#files = files.length;
    this.#bytes = files.reduce((sum, { size }) => sum + size, 0);
  }

  begin(file: FollowedFile): void {
    this.#file = file;
    this.#read = 0;
    this.#tell();
  }

  /** So many bytes more of the file at work were read; a file that is read twice is not more than whole. */
  read(bytes: number): void {
    this.#read = Math.min(this.#read + bytes, this.#file?.size ?? 0);
    this.#tell();
  }

  /** The file at work is done, whether it got in or not. */
  end(): void {
    this.#doneFiles++;
    this.#doneBytes += this.#file?.size ?? 0;
    this.#file = undefined;
    this.#read = 0;
    this.#tell();
  }

  #tell(): void {
    const file = this.#file;
    this.#onProgress?.({
      phase: 'ingest',
      done: Math.min(this.#doneFiles, this.#files),
      total: this.#files,
      unit: 'files',
      bytes: { done: Math.min(this.#doneBytes + this.#read, this.#bytes), total: this.#bytes },
      ...(file === undefined ? {} : { file: { path: file.path, done: this.#read, total: file.size } }),
    });
  }
}
