import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LakeError } from '../../src/base/lake-error.js';
import { LocalStore } from '../../src/storage/local-store.js';
import type { ObjectMeta, ObjectStore } from '../../src/storage/object-store.js';

/**
 * `before` and `after`: the call has no effect, or its whole effect, and then the power is gone: every later call fails.
 * `during`: the same in the midst of a call that changes something. `once-before`, `once-after`: only this call fails.
 */
export type FaultKind = 'before' | 'during' | 'after' | 'once-before' | 'once-after';

export interface Fault {
  /** Counts from 1. */
  readonly call: number;
  readonly kind: FaultKind;
}

export interface StorageCall {
  readonly name: string;
  readonly path: string;
  /** Whether it changes what is stored. */
  readonly changes: boolean;
}

type Call<T> = StorageCall & { readonly run: () => Promise<T>; readonly half?: () => Promise<void> };

function everyFile(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/**
 * A folder that counts the calls and fails at one of them. Files that DuckDB wrote and nobody made durable are cut in half
 * when the power goes: `sync` is the call that a power cut finds missing.
 */
export class FaultyStore implements ObjectStore {
  readonly calls: StorageCall[] = [];
  readonly #inner: LocalStore;
  readonly #fault: Fault | undefined;
  readonly #durable: Set<string>;
  #down = false;

  constructor(folder: string, fault?: Fault) {
    this.#inner = new LocalStore(folder);
    this.#fault = fault;
    this.#durable = new Set(everyFile(folder));
  }

  get root(): string {
    return this.#inner.root;
  }

  /** Whether the fault happened. */
  get failed(): boolean {
    return this.#fault !== undefined && this.calls.length >= this.#fault.call;
  }

  location(path: string): string {
    return this.#inner.location(path);
  }

  newLocation(path: string): string {
    const fault = this.#enter({ name: 'newLocation', path, changes: true });
    if (fault === 'before' || fault === 'during') this.#cut();
    if (fault === 'once-before') throw this.#error();
    const location = this.#inner.newLocation(path);
    if (fault === 'after') this.#cut();
    if (fault === 'once-after') throw this.#error();
    return location;
  }

  get(path: string): Promise<Uint8Array> {
    return this.#call({ name: 'get', path, changes: false, run: () => this.#inner.get(path) });
  }

  getRange(path: string, start: number, end: number): Promise<Uint8Array> {
    return this.#call({ name: 'getRange', path, changes: false, run: () => this.#inner.getRange(path, start, end) });
  }

  findMeta(path: string): Promise<ObjectMeta | undefined> {
    return this.#call({ name: 'findMeta', path, changes: false, run: () => this.#inner.findMeta(path) });
  }

  list(path: string, after?: string): Promise<string[]> {
    return this.#call({ name: 'list', path, changes: false, run: () => this.#inner.list(path, after) });
  }

  listFolders(path: string): Promise<string[]> {
    return this.#call({ name: 'listFolders', path, changes: false, run: () => this.#inner.listFolders(path) });
  }

  async *listAll(path: string, enter?: (folder: string) => boolean): AsyncGenerator<ObjectMeta> {
    const run = async () => {
      const all: ObjectMeta[] = [];
      for await (const meta of this.#inner.listAll(path, enter)) all.push(meta);
      return all;
    };
    yield* await this.#call({ name: 'listAll', path, changes: false, run });
  }

  async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
    const half = async () => this.#leaveTemp(path, data);
    const run = async () => {
      const put = await this.#inner.putIfAbsent(path, data);
      this.#durable.add(this.location(path));
      return put;
    };
    return this.#call({ name: 'putIfAbsent', path, changes: true, half, run });
  }

  put(path: string, data: Uint8Array): Promise<void> {
    const half = async () => this.#leaveTemp(path, data);
    const run = async () => {
      await this.#inner.put(path, data);
      this.#durable.add(this.location(path));
    };
    return this.#call({ name: 'put', path, changes: true, half, run });
  }

  putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const half = async () => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      this.#leaveTemp(path, Buffer.concat(parts));
    };
    const run = async () => {
      await this.#inner.putStream(path, chunks);
      this.#durable.add(this.location(path));
    };
    return this.#call({ name: 'putStream', path, changes: true, half, run });
  }

  sync(paths: readonly string[]): Promise<void> {
    const syncSome = async (some: readonly string[]) => {
      await this.#inner.sync(some);
      for (const path of some) this.#durable.add(this.location(path));
    };
    const half = () => syncSome(paths.slice(0, Math.floor(paths.length / 2)));
    return this.#call({ name: 'sync', path: paths.join(' '), changes: true, half, run: () => syncSome(paths) });
  }

  delete(path: string): Promise<void> {
    return this.#call({ name: 'delete', path, changes: true, run: () => this.#inner.delete(path) });
  }

  async #call<T>(call: Call<T>): Promise<T> {
    const fault = this.#enter(call);
    if (fault === 'before') this.#cut();
    if (fault === 'once-before') throw this.#error();
    if (fault === 'during') {
      await call.half?.();
      this.#cut();
    }
    const result = await call.run();
    if (fault === 'after') this.#cut();
    if (fault === 'once-after') throw this.#error();
    return result;
  }

  #enter({ name, path, changes }: StorageCall): FaultKind | undefined {
    if (this.#down) throw this.#error();
    this.calls.push({ name, path, changes });
    return this.calls.length === this.#fault?.call ? this.#fault.kind : undefined;
  }

  /** A whole file under the name of a file that is not whole yet, as a put that does not come to its end leaves it. */
  #leaveTemp(path: string, data: Uint8Array): void {
    const place = this.#inner.newLocation(path);
    writeFileSync(join(dirname(place), '.cut-off.tmp'), data.subarray(0, Math.ceil(data.length / 2)));
  }

  #cut(): never {
    this.#down = true;
    for (const file of everyFile(this.root)) {
      if (!this.#durable.has(file)) truncateSync(file, Math.floor(statSync(file).size / 2));
    }
    throw this.#error();
  }

  #error(): LakeError {
    // The code that an operation does not carry on after.
    const code = this.#down ? 'INTERRUPTED' : 'STORAGE';
    return new LakeError(code, this.#down ? 'the power is gone' : 'the store failed once', { place: this.root });
  }
}
