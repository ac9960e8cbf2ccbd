import { posix } from 'node:path';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile, RemoveFile } from '../protocol/actions.js';
import { vectorPlace } from '../protocol/deletion-vector.js';
import { decodePath, isAbsolutePath, resolveDataPath } from '../protocol/paths.js';

type FileReference = Pick<AddFile, 'path' | 'deletionVector'>;

interface Reference {
  /** Below the table; undefined for what is elsewhere. */
  readonly path?: string;
  readonly name: string;
}

function relativeOrName(root: string, absolute: string): Reference {
  const base = `${root.replace(/\/+$/, '')}/`;
  const place = absolute.replace(/^file:(?:\/\/)?(?=\/)/i, '');
  const name = posix.basename(place);
  return place.startsWith(base) ? { path: posix.normalize(place.slice(base.length)), name } : { name };
}

/** Files that something still refers to, by their path below the table. */
export class KeptFiles {
  readonly #root: string;
  readonly #place: string;
  readonly #paths = new Set<string>();
  readonly #names = new Set<string>();

  constructor(snapshot: Snapshot) {
    this.#root = snapshot.path;
    this.#place = `${snapshot.path}@${snapshot.version}`;
  }

  /** Keeps a data file and the file of its deletion vector. */
  add(file: FileReference): void {
    for (const { path, name } of referencesOf(file, this.#root, this.#place)) {
      if (path !== undefined) this.#paths.add(path);
      // A file that is named by an absolute path may be this table's by another road to it; its name is unique.
      else this.#names.add(name);
    }
  }

  has(path: string): boolean {
    return this.#paths.has(path) || this.#names.has(posix.basename(path));
  }
}

/** A decoded path below the table, unless it leaves it. */
function relative(path: string): Reference {
  const plain = posix.normalize(path);
  return { ...(plain.startsWith('../') ? {} : { path: plain }), name: posix.basename(plain) };
}

function referencesOf({ path, deletionVector }: FileReference, root: string, place: string): Reference[] {
  const file = isAbsolutePath(path) ? relativeOrName(root, resolveDataPath(root, path)) : relative(decodePath(path));
  if (deletionVector == null) return [file];
  const vector = vectorPlace(deletionVector, place);
  if (vector.kind === 'inline') return [file];
  return [file, vector.absolute ? relativeOrName(root, vector.path) : relative(vector.path)];
}

/** Paths below the table of a file and its deletion vector; what is elsewhere is left out. */
export function pathsBelow(snapshot: Snapshot, file: FileReference): string[] {
  const references = referencesOf(file, snapshot.path, `${snapshot.path}@${snapshot.version}`);
  return references.flatMap(({ path }) => (path === undefined ? [] : [path]));
}

/** Whether a tombstone is at or before `cutoff` (milliseconds since the epoch): one without a time always is. */
export function isExpired(tombstone: RemoveFile, cutoff: number): boolean {
  return (tombstone.deletionTimestamp ?? 0) <= cutoff;
}

/** What a version and the tombstones after `cutoff` refer to. */
export function keptFiles(snapshot: Snapshot, cutoff: number): KeptFiles {
  const kept = new KeptFiles(snapshot);
  for (const file of snapshot.files) kept.add(file);
  for (const tombstone of snapshot.tombstones) if (!isExpired(tombstone, cutoff)) kept.add(tombstone);
  return kept;
}
