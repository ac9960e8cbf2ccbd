import { globMatcher } from '../glob.js';
import { type ArrivalRules, judgeArrivals, nameTest } from './arrival-rules.js';
import { businessDateReader } from './business-date.js';
import type { FileTree } from './file-tree.js';
import { localTree } from './local-tree.js';
import { type FoundFile, findFiles } from './walk.js';

/** A file of a source. */
export interface ListedFile {
  /** What identifies it within the source: below the root, with `/`; the absolute path of a file outside. */
  readonly path: string;
  /** Absolute; for what was fetched that of the local copy. */
  readonly location: string;
  /** Where it is for people when that is not `location`: `sftp://host/path`. */
  readonly origin?: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  /** `YYYY-MM-DD` as its path says; null when there is no pattern or no date in it. */
  readonly businessDate: string | null;
  /** Why it has not arrived yet; null when it is ready. */
  readonly waiting: string | null;
}

export interface ListRequest {
  /** Files, folders (with all below) and globs. */
  readonly patterns: readonly string[];
  /** Where patterns and the identity of files start. */
  readonly root: string;
  /** Files are identified by their absolute path. */
  readonly absolute?: boolean;
  /** Globs of files and folders to leave out; without `/` they are tried on names. */
  readonly exclude?: readonly string[];
  readonly arrival?: ArrivalRules;
  /** Where the date stands in the path: see `businessDateReader`. */
  readonly businessDate?: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Default `path`: by code point. */
  readonly order?: 'path' | 'modified';
}

/** Only where both have such characters does the order of JavaScript strings differ from that of code points. */
const SURROGATE_OR_ABOVE = /[\ud800-\uffff]/;

function comparePaths(a: string, b: string): number {
  if (SURROGATE_OR_ABOVE.test(a) && SURROGATE_OR_ABOVE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : Number(a > b);
}

function slashed(path: string, { sep }: FileTree['paths']): string {
  return sep === '/' ? path : path.split(sep).join('/');
}

function identityReader(request: ListRequest, paths: FileTree['paths']): (location: string) => string {
  const root = paths.resolve(request.root);
  return (location) => {
    if (request.absolute === true) return slashed(location, paths);
    const inside = slashed(paths.relative(root, location), paths);
    const outside = inside === '..' || inside.startsWith('../') || paths.resolve(inside) === inside;
    return outside ? slashed(location, paths) : inside;
  };
}

/** Every file once, whatever number of patterns names it. */
async function find(
  request: ListRequest,
  tree: FileTree,
  pathOf: (location: string) => string,
): Promise<readonly FoundFile[]> {
  const { paths } = tree;
  const isWanted = nameTest(request.arrival ?? {});
  const excludes = (request.exclude ?? []).map((glob) => globMatcher(glob.replace(/(?<=.)\/+$/, '')));
  const isIncluded = (location: string) => {
    const path = pathOf(location).replace(/^\//, '');
    return !excludes.some((excluded) => excluded(path));
  };
  const filter = {
    enter: (_: string, location: string) => isIncluded(location),
    accept: (_: string, location: string) => isWanted(paths.basename(location)) && isIncluded(location),
  };
  const all = new Map<string, FoundFile>();
  const found = (file: FoundFile) => all.set(file.location, file);
  for (const pattern of request.patterns) {
    await findFiles(slashed(absolutePattern(request.root, pattern, paths), paths), { tree, filter, found });
  }
  return [...all.values()].filter((file) => isIncluded(file.location));
}

/** `resolve` drops a slash at the end, which says that a glob means folders. */
function absolutePattern(root: string, pattern: string, paths: FileTree['paths']): string {
  const full = paths.resolve(root, pattern);
  return /[*?[{].*\/$/.test(pattern) ? `${full}/` : full;
}

/**
 * The files of a source that are there now, sorted, each once, with why one has not arrived yet. Names that start with a dot, temporary files and done files
 * are not listed, unless a pattern names one file; symbolic links are followed, loops end, and Delta tables and lakes below a folder are left out.
 * Waits once, for as long as `stableForMs` at most, when a file changed a short time ago. Rejects with a usage error when a pattern without wildcard names
 * nothing, with code `SOURCE_UNREADABLE` when a folder cannot be listed.
 */
export async function listTree(request: ListRequest, tree: FileTree): Promise<readonly ListedFile[]> {
  const pathOf = identityReader(request, tree.paths);
  const dateOf = request.businessDate === undefined ? () => null : businessDateReader(request.businessDate);
  const found = await find(request, tree, pathOf);
  const looks = await judgeArrivals(found, request.arrival ?? {}, { tree, now: request.now });
  const files = looks.map(({ file: { location, size, modified }, waiting }) => {
    const path = pathOf(location);
    return { path, location, size, modified, businessDate: dateOf(path), waiting };
  });
  const byPath = (a: ListedFile, b: ListedFile) => comparePaths(a.path, b.path);
  return files.sort(request.order === 'modified' ? (a, b) => a.modified - b.modified || byPath(a, b) : byPath);
}

/** `listTree` of this machine. */
export function listArrivals(request: ListRequest): Promise<readonly ListedFile[]> {
  return listTree(request, localTree);
}
