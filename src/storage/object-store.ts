/** One entry of a listing. `path` is relative to the root of the store, with `/` between parts. */
export interface ObjectMeta {
  readonly path: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
}

/**
 * Bytes in a folder or a bucket. Paths are relative to the store's root, use `/`, and cannot leave it.
 * Every method rejects with a `LakeError` of code `STORAGE`, or `NOT_FOUND` where an object is absent.
 */
export interface ObjectStore {
  /** Where the store is, for people: a folder or a URL. */
  readonly root: string;
  /** What DuckDB is given to read or write the object (a file name locally). */
  location(path: string): string;
  /** The same for an object that DuckDB is about to write: its folder is there then. */
  newLocation(path: string): string;
  get(path: string): Promise<Uint8Array>;
  /** `end` is exclusive. */
  getRange(path: string, start: number, end: number): Promise<Uint8Array>;
  /** Metadata, or undefined when absent. */
  findMeta(path: string): Promise<ObjectMeta | undefined>;
  /** Paths of the objects directly in folder `prefix`, sorted by code point; with `after`, only those that sort after it. An absent folder is empty. */
  list(prefix: string, after?: string): Promise<string[]>;
  /** Names of the folders directly in folder `prefix`, sorted. */
  listFolders(prefix: string): Promise<string[]>;
  /**
   * Every object below folder `prefix`, at any depth and in no order that is promised. A folder for whose path `enter` says
   * no is left out with all that is below it. What appears or goes away meanwhile may be there or not.
   */
  listAll(prefix: string, enter?: (folder: string) => boolean): AsyncIterable<ObjectMeta>;
  /** Writes durably unless an object of that name exists; `false` then. Atomic: a reader sees all or nothing. */
  putIfAbsent(path: string, data: Uint8Array): Promise<boolean>;
  /** Writes durably, replacing what was there, atomically. */
  put(path: string, data: Uint8Array): Promise<void>;
  /**
   * The same for bytes that come in parts and need not fit into memory. When `chunks` fails, rejects with its error, and what was there stays.
   */
  putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Makes files that DuckDB wrote into the store durable (fsync of the file and its folders locally). */
  sync(paths: readonly string[]): Promise<void>;
  /** Deletes if present. */
  delete(path: string): Promise<void>;
}
