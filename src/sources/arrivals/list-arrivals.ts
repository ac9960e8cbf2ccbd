import { basename, relative, resolve, sep } from 'node:path';
import { globMatcher } from '../glob.js';
import { type ArrivalRules, judgeArrivals, nameTest } from './arrival-rules.js';
import { breathe } from './breathe.js';
import { businessDateReader } from './business-date.js';
import { type FoundFile, findFiles } from './walk.js';

/** A file of a source. */
export interface ListedFile {
  /** What identifies it within the source: below the root, with `/`; the absolute path of a file outside. */
  readonly path: string;
  /** Absolute. */
  readonly location: string;
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

function slashed(path: string): string {
  return sep === '/' ? path : path.split(sep).join('/');
}

function identityReader(request: ListRequest): (location: string) => string {
  const root = resolve(request.root);
  return (location) => {
    if (request.absolute === true) return slashed(location);
    const inside = slashed(relative(root, location));
    const outside = inside === '..' || inside.startsWith('../') || resolve(inside) === inside;
    return outside ? slashed(location) : inside;
  };
}

/** Every file once, whatever number of patterns names it. */
async function find(request: ListRequest, pathOf: (location: string) => string): Promise<FoundFile[]> {
  const isWanted = nameTest(request.arrival ?? {});
  const excludes = (request.exclude ?? []).map((glob) => globMatcher(glob.replace(/(?<=.)\/+$/, '')));
  const isIncluded = (location: string) => {
    const path = pathOf(location).replace(/^\//, '');
    return !excludes.some((excluded) => excluded(path));
  };
  const filter = {
    enter: (_: string, location: string) => isIncluded(location),
    accept: (_: string, location: string) => isWanted(basename(location)) && isIncluded(location),
  };
  const found = new Map<string, FoundFile>();
  for (const pattern of request.patterns) {
    for (const file of findFiles(slashed(absolutePattern(request.root, pattern)), filter)) {
      found.set(file.location, file);
      await breathe();
    }
  }
  return [...found.values()].filter((file) => isIncluded(file.location));
}

/** `resolve` drops a slash at the end, which says that a glob means folders. */
function absolutePattern(root: string, pattern: string): string {
  const full = resolve(root, pattern);
  return /[*?[{].*\/$/.test(pattern) ? `${full}/` : full;
}

/**
 * The files of a source that are there now, sorted, each once, with why one has not arrived yet. Names that start with a dot, temporary files and done files
 * are not listed, unless a pattern names one file; symbolic links are followed, loops end, and Delta tables and lakes below a folder are left out.
 * Waits once, for as long as `stableForMs` at most, when a file changed a short time ago. Rejects with a usage error when a pattern without wildcard names
 * nothing, with code `SOURCE_UNREADABLE` when a folder cannot be listed.
 */
export async function listArrivals(request: ListRequest): Promise<readonly ListedFile[]> {
  const pathOf = identityReader(request);
  const dateOf = request.businessDate === undefined ? () => null : businessDateReader(request.businessDate);
  const looks = await judgeArrivals(await find(request, pathOf), request.arrival ?? {}, request.now);
  const files = looks.map(({ file: { location, size, modified }, waiting }) => {
    const path = pathOf(location);
    return { path, location, size, modified, businessDate: dateOf(path), waiting };
  });
  const byPath = (a: ListedFile, b: ListedFile) => comparePaths(a.path, b.path);
  return files.sort(request.order === 'modified' ? (a, b) => a.modified - b.modified || byPath(a, b) : byPath);
}
