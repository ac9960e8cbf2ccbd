import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { usageError } from '../base/lake-error.js';
import { type GlobStep, hasGlob, parseGlob } from './glob.js';

/** A file to read (`isStream`: it can be read once, from its start), or a folder that could not be listed. */
export type InputFile =
  | { readonly file: string; readonly isStream?: boolean }
  | { readonly file: string; readonly error: unknown };

type Accept = (name: string, folder: string) => boolean;

const MANIFEST_FILE = /\.(json|ndjson|jsonl|parquet)(\.gz)?$/i;
const LAYOUT_FOLDER = /(?:^|[\\/])file_sha=[^\\/]*$/;
const LAYOUT_MANIFEST = /^manifest\.json(\.gz)?$/;
/** Manifests that say by their name that they are: registers (seed 001) and run manifests (seed 003). */
const NAMED_MANIFEST = /^(?:.+\.manifest\.json|run_id=.+\.json)(\.gz)?$/;

function isLayoutManifest(name: string, folder: string): boolean {
  return LAYOUT_FOLDER.test(folder) ? LAYOUT_MANIFEST.test(name) : NAMED_MANIFEST.test(name);
}

/** Files that are no manifests by convention of Hadoop and of version control. */
function isHidden(name: string): boolean {
  return name.startsWith('.') || (name.startsWith('_') && name !== '_manifests');
}

const anyManifest: Accept = (name, folder) =>
  MANIFEST_FILE.test(name) && !isHidden(name) && (!LAYOUT_FOLDER.test(folder) || LAYOUT_MANIFEST.test(name));

interface Entry {
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  readonly isLink: boolean;
}

/** The entries of a folder in the order of their paths: files and folders, symbolic links followed, anything else left out. */
function list(folder: string): Entry[] {
  const entries: Entry[] = [];
  for (const dirent of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, dirent.name);
    const isLink = dirent.isSymbolicLink();
    const kind = isLink ? statSync(path, { throwIfNoEntry: false }) : dirent;
    if (kind?.isFile() || kind?.isDirectory()) {
      entries.push({ path, name: dirent.name, isFolder: kind.isDirectory(), isLink });
    }
  }
  const key = (entry: Entry) => (entry.isFolder ? `${entry.name}/` : entry.name);
  return entries.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Remembers the folders that symbolic links led to: each is entered once, so that loops end. */
class Links {
  readonly #entered = new Set<string>();

  constructor(root: string) {
    this.#entered.add(realpathSync(root));
  }

  enter(entry: Entry): boolean {
    if (!entry.isLink) return true;
    const target = realpathSync(entry.path);
    const above = `${realpathSync(dirname(entry.path))}/`.startsWith(`${target}/`);
    if (above || this.#entered.has(target)) return false;
    this.#entered.add(target);
    return true;
  }
}

// The file system calls are synchronous: on local disks that is five to ten times faster than going through the thread pool for each small file.
function* walk(folder: string, accept: Accept, links: Links): Generator<InputFile> {
  let entries: Entry[];
  try {
    entries = list(folder);
  } catch (error) {
    yield { file: folder, error };
    return;
  }
  for (const entry of entries) {
    if (!entry.isFolder) {
      if (accept(entry.name, folder)) yield { file: entry.path };
    } else if (!isHidden(entry.name) && links.enter(entry)) yield* walk(entry.path, accept, links);
  }
}

/** Looks for one manifest in the lake layout; the walk stops at the first. */
function isLakeLayout(folder: string): boolean {
  const inLayout: Accept = (name, at) => LAYOUT_FOLDER.test(at) && LAYOUT_MANIFEST.test(name);
  for (const found of walk(folder, inLayout, new Links(folder))) if (!('error' in found)) return true;
  return false;
}

function* filesOf(path: string): Generator<InputFile> {
  try {
    const stats = statSync(path);
    if (!stats.isDirectory()) yield { file: path, isStream: !stats.isFile() };
    else yield* walk(path, isLakeLayout(path) ? isLayoutManifest : anyManifest, new Links(path));
  } catch (error) {
    yield { file: path, error };
  }
}

function listIfFolder(folder: string): Entry[] {
  try {
    return list(folder);
  } catch {
    return [];
  }
}

function* matches(folder: string, steps: readonly GlobStep[]): Generator<Entry> {
  const [step, ...below] = steps;
  if (step === undefined) return;
  if (step === '**' && below.length > 0) yield* matches(folder, below);
  for (const entry of listIfFolder(folder)) {
    if (step === '**') {
      if (below.length === 0 && !entry.isFolder) yield entry;
      if (entry.isFolder && !entry.isLink && !isHidden(entry.name)) yield* matches(entry.path, steps);
    } else if (step.test(entry.name)) {
      if (below.length === 0) yield entry;
      else if (entry.isFolder) yield* matches(entry.path, below);
    }
  }
}

/**
 * The paths that match a glob, sorted, each once; what lies in a folder that matches is left to that folder.
 * Beside raw files of the lake layout only its manifests match.
 */
function expand(pattern: string): string[] {
  const found = new Set<string>();
  for (const { base, steps } of parseGlob(pattern)) {
    for (const entry of matches(base, steps)) {
      const folder = dirname(entry.path);
      if (entry.isFolder || !LAYOUT_FOLDER.test(folder) || LAYOUT_MANIFEST.test(entry.name)) found.add(entry.path);
    }
  }
  return [...found].filter((path) => !isBelow(path, found)).sort();
}

function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (let folder = dirname(path), last = path; folder !== last; last = folder, folder = dirname(folder)) {
    if (folders.has(folder)) return true;
  }
  return false;
}

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}

/**
 * The files behind inputs: files, folders, globs and `-`. Throws a usage error before anything is read when one of them is not there.
 * Files of a folder or glob come in the order of their paths; loops of symbolic links end; what cannot be listed is told with its error.
 */
export function listInputs(inputs: readonly string[]): Generator<InputFile> {
  const paths = inputs.flatMap((input) => {
    if (input === '-' || exists(input)) return [input];
    if (!hasGlob(input)) throw usageError(`no such file or folder: ${input}`, { place: input });
    const found = expand(input);
    if (found.length === 0) throw usageError(`nothing matches ${input}`, { place: input });
    return found;
  });
  return (function* () {
    for (const path of paths) {
      if (path === '-') yield { file: path, isStream: true };
      else yield* filesOf(path);
    }
  })();
}
