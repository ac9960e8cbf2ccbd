import { LakeError } from '../../src/base/lake-error.js';
import type { ObjectMeta, ObjectStore } from '../../src/storage/object-store.js';

/** Objects in a map, for tests that read a hundred thousand logs. DuckDB cannot see them. */
export class MemoryStore implements ObjectStore {
  readonly root = 'memory';
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  location(path: string): string {
    if (path.startsWith('/') || path.split('/').includes('..')) {
      throw new LakeError('STORAGE', `the path leaves the folder: ${path}`, { place: this.root });
    }
    return `${this.root}/${path}`;
  }

  newLocation(path: string): string {
    return this.location(path);
  }

  async get(path: string): Promise<Uint8Array> {
    const place = this.location(path);
    const file = this.#files.get(path);
    if (file === undefined) throw new LakeError('NOT_FOUND', 'there is no such file', { place });
    return file;
  }

  async getRange(path: string, start: number, end: number): Promise<Uint8Array> {
    return (await this.get(path)).subarray(start, end);
  }

  async findMeta(path: string): Promise<ObjectMeta | undefined> {
    this.location(path);
    const file = this.#files.get(path);
    return file === undefined ? undefined : { path, size: file.length, modified: 0 };
  }

  async list(prefix: string, after?: string): Promise<string[]> {
    const below = `${prefix}/`;
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(below) && !path.slice(below.length).includes('/'))
      .filter((path) => after === undefined || path > after)
      .sort();
  }

  async listFolders(): Promise<string[]> {
    return this.#refuse();
  }

  // biome-ignore lint/correctness/useYield: nothing is ever listed
  async *listAll(): AsyncGenerator<ObjectMeta> {
    this.#refuse();
  }

  async putIfAbsent(): Promise<boolean> {
    return this.#refuse();
  }

  async put(): Promise<void> {
    this.#refuse();
  }

  async putStream(): Promise<void> {
    this.#refuse();
  }

  async sync(): Promise<void> {
    this.#refuse();
  }

  async delete(): Promise<void> {
    this.#refuse();
  }

  #refuse(): never {
    throw new Error('this store is only read');
  }
}
