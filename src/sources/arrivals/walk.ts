import { usageError } from '../../base/lake-error.js';
import { globMatcher } from '../glob.js';
import { breathe } from './breathe.js';
import { BAD_NAME, type FileState, type FileTree, type TreeEntry } from './file-tree.js';

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

export interface Walk {
  readonly tree: FileTree;
  readonly filter: WalkFilter;
  /** Is told each file. */
  readonly found: (file: FoundFile) => void;
}

const MAGIC = /[*?[{]/;

/** A Delta table or a lake is where rows go to, not where files come from. */
async function isLakeFolder(folder: string, names: ReadonlySet<string>, { stat, paths }: FileTree): Promise<boolean> {
  if (names.has('_delta_log')) return true;
  if (!names.has('metadata')) return false;
  return (await stat(paths.join(folder, 'metadata', 'ingestion_event', '_delta_log'))) !== undefined;
}

/** The folders that symbolic links led to: each is entered once and none that lies above, so that loops end. */
class Links {
  readonly #entered = new Set<string>();
  readonly #tree: FileTree;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  async start(folder: string): Promise<void> {
    this.#entered.add(await this.#tree.realPath(folder));
  }

  async enter(link: string): Promise<boolean> {
    const { realPath, paths } = this.#tree;
    const target = await realPath(link);
    const above = `${await realPath(paths.dirname(link))}/`.startsWith(target === '/' ? '/' : `${target}/`);
    if (above || this.#entered.has(target)) return false;
    this.#entered.add(target);
    return true;
  }
}

function foundAt(location: string, { size, modified, problem }: FileState): FoundFile {
  return { location, size, modified, ...(problem === undefined ? {} : { problem }) };
}

/** One walk from one folder. */
class Walker {
  readonly #walk: Walk;
  readonly #links: Links;

  constructor(walk: Walk) {
    this.#walk = walk;
    this.#links = new Links(walk.tree);
  }

  async start(folder: string): Promise<void> {
    await this.#links.start(folder);
    await this.#folder(folder, '');
  }

  async #folder(folder: string, below: string): Promise<void> {
    const { tree } = this.#walk;
    const entries = [...(await tree.list(folder))].sort((a, b) => (a.name < b.name ? -1 : 1));
    if (below !== '' && (await isLakeFolder(folder, new Set(entries.map(({ name }) => name)), tree))) return;
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      await this.#entry(entry, path, tree.paths.join(folder, entry.name));
      await breathe();
    }
  }

  async #entry(entry: TreeEntry, path: string, location: string): Promise<void> {
    const { tree, filter, found } = this.#walk;
    const { name, kind } = entry;
    // A plain folder needs no look of its own.
    const state = kind === 'folder' ? null : entry.state === undefined ? await tree.stat(location) : entry.state;
    if (kind === 'folder' || state?.kind === 'folder') {
      if (!filter.enter(path, location)) return;
      if (kind !== 'link' || (await this.#links.enter(location))) await this.#folder(location, path);
    } else if (!filter.accept(path, location)) {
    } else if (state?.kind === 'file') found(foundAt(location, state));
    else if (state === undefined && kind === 'file' && name.includes(BAD_NAME)) {
      found({ location, size: 0, modified: 0, problem: 'its name is not UTF-8: give it another name' });
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

/**
 * Finds the regular files that an absolute pattern names: itself, all below it when it is a folder, or what matches the glob. Only the folders
 * that can hold a match are listed. Rejects with a usage error when a pattern without wildcard names nothing.
 */
export async function findFiles(pattern: string, walk: Walk): Promise<void> {
  const { tree, filter } = walk;
  const place = tree.placeOf(pattern);
  const state = await tree.stat(pattern);
  if (state?.kind === 'folder') await new Walker(walk).start(pattern);
  else if (state?.kind === 'file') walk.found(foundAt(pattern, state));
  else if (state !== undefined) throw usageError(`${place} is neither a file nor a folder`, { place });
  else if (!MAGIC.test(pattern)) throw usageError(`no such file or folder: ${place}`, { place });
  else {
    const { base, rest } = splitGlob(pattern);
    if ((await tree.stat(base))?.kind !== 'folder') return;
    const matches = globMatcher(`/${rest}`);
    const mayHold = folderTest(rest);
    const globbed: WalkFilter = {
      enter: (below, location) => mayHold(below) && filter.enter(below, location),
      accept: (below, location) => matches(below) && filter.accept(below, location),
    };
    await new Walker({ ...walk, filter: globbed }).start(base);
  }
}
