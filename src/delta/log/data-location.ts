import { basename, dirname } from 'node:path';
import { LakeError } from '../../base/lake-error.js';
import { LocalStore } from '../../storage/local-store.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { isAbsolutePath, resolveDataPath } from '../protocol/paths.js';

/** A file and a store that has it. */
export interface StoredFile {
  readonly store: ObjectStore;
  /** Relative to the root of `store`. */
  readonly path: string;
}

/** `absolute` is a plain path or a URI, decoded. Throws `STORAGE` when it leads to another kind of store. */
function absoluteFile(store: ObjectStore, absolute: string): StoredFile {
  const root = store.root.replace(/\/+$/, '');
  if (absolute.startsWith(`${root}/`)) return { store, path: absolute.slice(root.length + 1) };
  if (!absolute.startsWith('/')) {
    throw new LakeError('STORAGE', `a file of the table is in another store: ${absolute}`, {
      place: store.root,
      hint: 'a table can only be read where all its files are in reach; copy it with its files',
    });
  }
  return { store: new LocalStore(dirname(absolute)), path: basename(absolute) };
}

/** The file that an `add.path` or `cdc.path` names (PROTOCOL.md, "Add File and Remove File"); absolute ones may be outside the table. */
export function dataFile(store: ObjectStore, path: string): StoredFile {
  const resolved = resolveDataPath('', path);
  return isAbsolutePath(path) ? absoluteFile(store, resolved) : { store, path: resolved.slice(1) };
}

/** What DuckDB is given to open that file. */
export function dataLocation(store: ObjectStore, path: string): string {
  const file = dataFile(store, path);
  return file.store.location(file.path);
}
