import { type Dirent, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT, LakeError, messageOf, usageError } from '../../base/lake-error.js';
import { globMatcher } from '../glob.js';

/** A regular file that a pattern names. */
export interface FoundFile {
  /** Absolute. */
  readonly location: string;
  readonly size: number;
  readonly modified: number;
  /** Why it can never be read; else absent. */
  readonly problem?: string;
}

/** What a walk leaves out; paths are below the folder that it starts in, with `/`. */
export interface WalkFilter {
  /** Whether to go into a folder. */
  readonly enter: (below: string, location: string) => boolean;
  readonly accept: (below: string, location: string) => boolean;
}

const MAGIC = /[*?[{]/;
/** Stands in a name for bytes that are not UTF-8: the file cannot be found by that name. */
const BAD_NAME = '\ufffd';

interface Entry {
  readonly name: string;
  readonly location: string;
  readonly isLink: boolean;
  readonly stat: Stats | undefined;
  readonly isFolder: boolean;
}

function readFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT' && !folder.includes(BAD_NAME);
    if (isGone) return [];
    throw new LakeError('SOURCE_UNREADABLE', `cannot list ${folder}: ${messageOf(error)}`, {
      place: folder,
      exitCode: EXIT.data,
      cause: error,
    });
  }
}

function statOf(location: string): Stats | undefined {
  try {
    return statSync(location, { throwIfNoEntry: false });
  } catch (error) {
    // A link that leads to itself, or through a file: there is nothing behind it.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP' || code === 'ENOTDIR') return undefined;
    throw new LakeError('SOURCE_UNREADABLE', `cannot read ${location}: ${messageOf(error)}`, {
      place: location,
      exitCode: EXIT.data,
      cause: error,
    });
  }
}

function entryOf(folder: string, dirent: Dirent): Entry {
  const location = join(folder, dirent.name);
  const isLink = dirent.isSymbolicLink();
  // A plain folder needs no look of its own.
  const stat = dirent.isDirectory() ? undefined : statOf(location);
  return { name: dirent.name, location, isLink, stat, isFolder: dirent.isDirectory() || stat?.isDirectory() === true };
}

/** A Delta table or a lake is where rows go to, not where files come from. */
function isLakeFolder(folder: string, names: ReadonlySet<string>): boolean {
  if (names.has('_delta_log')) return true;
  return names.has('metadata') && statOf(join(folder, 'metadata', 'ingestion_event', '_delta_log')) !== undefined;
}

/** The folders that symbolic links led to: each is entered once and none that lies above, so that loops end. */
class Links {
  readonly #entered = new Set<string>();

  constructor(start: string) {
    this.#entered.add(realpathSync(start));
  }

  enter(entry: Entry): boolean {
    if (!entry.isLink) return true;
    const target = realpathSync(entry.location);
    const above = `${realpathSync(dirname(entry.location))}/`.startsWith(`${target}/`);
    if (above || this.#entered.has(target)) return false;
    this.#entered.add(target);
    return true;
  }
}

interface Walk {
  readonly filter: WalkFilter;
  readonly links: Links;
}

function* walkFolder(folder: string, below: string, walk: Walk): Generator<FoundFile> {
  const dirents = readFolder(folder).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (below !== '' && isLakeFolder(folder, new Set(dirents.map((dirent) => dirent.name)))) return;
  for (const dirent of dirents) {
    if (dirent.name.startsWith('.')) continue;
    const path = below === '' ? dirent.name : `${below}/${dirent.name}`;
    const entry = entryOf(folder, dirent);
    const { location, stat } = entry;
    if (entry.isFolder) {
      if (walk.filter.enter(path, location) && walk.links.enter(entry)) yield* walkFolder(location, path, walk);
    } else if (!walk.filter.accept(path, location)) {
    } else if (stat?.isFile()) yield { location, size: stat.size, modified: stat.mtimeMs };
    else if (stat === undefined && dirent.isFile() && dirent.name.includes(BAD_NAME)) {
      yield { location, size: 0, modified: 0, problem: 'its name is not UTF-8: give it another name' };
    }
  }
}

/** A glob split into the folder to start in and the rest, both with `/`. */
function splitGlob(pattern: string): { readonly base: string; readonly rest: string } {
  const parts = pattern.split('/');
  const first = parts.findIndex((part) => MAGIC.test(part));
  const rest = parts.slice(first).join('/');
  return { base: parts.slice(0, first).join('/') || '/', rest: rest.endsWith('/') ? `${rest}**` : rest };
}

/** Whether a folder can hold what the glob matches, as far as its first parts say. */
function folderTest(rest: string): (below: string) => boolean {
  const parts = rest.split('/');
  // A brace over several parts, or one that does not end: no part says anything for itself.
  if (parts.some((part) => part.split('{').length !== part.split('}').length)) return () => true;
  const deep = parts.findIndex((part) => part.includes('**'));
  const tests = parts.map((_, i) => globMatcher(`/${parts.slice(0, i + 1).join('/')}`));
  return (below) => {
    const depth = below.split('/').length;
    if (deep >= 0 && depth > deep) return true;
    return depth < parts.length && tests[depth - 1]?.(below) === true;
  };
}

function* walkFrom(base: string, filter: WalkFilter): Generator<FoundFile> {
  yield* walkFolder(base, '', { filter, links: new Links(base) });
}

/**
 * The regular files that an absolute pattern names: itself, all below it when it is a folder, or what matches the glob. Only the folders
 * that can hold a match are listed. Throws a usage error when a pattern without wildcard names nothing.
 */
export function* findFiles(pattern: string, filter: WalkFilter): Generator<FoundFile> {
  const stat = statOf(pattern);
  if (stat?.isDirectory()) yield* walkFrom(pattern, filter);
  else if (stat?.isFile()) yield { location: pattern, size: stat.size, modified: stat.mtimeMs };
  else if (stat !== undefined) throw usageError(`${pattern} is neither a file nor a folder`, { place: pattern });
  else if (!MAGIC.test(pattern)) throw usageError(`no such file or folder: ${pattern}`, { place: pattern });
  else {
    const { base, rest } = splitGlob(pattern);
    if (!statOf(base)?.isDirectory()) return;
    const matches = globMatcher(`/${rest}`);
    const mayHold = folderTest(rest);
    yield* walkFrom(base, {
      enter: (below, location) => mayHold(below) && filter.enter(below, location),
      accept: (below, location) => matches(below) && filter.accept(below, location),
    });
  }
}
