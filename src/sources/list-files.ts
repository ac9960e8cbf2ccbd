import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { LakeError, messageOf, usageError } from '../base/lake-error.js';
import { type CheckoutFile, commitTimes, findCheckout, listCheckout, originSource } from './git.js';

/** A file to scan. */
export interface SourceFile {
  /** Where it is on disk. */
  readonly location: string;
  readonly source: string;
  /** Relative to the checkout or to the folder scanned, with `/`. */
  readonly path: string;
  /** Git's blob id when git has exactly this file, else null. */
  readonly sha: string | null;
  /** Seconds since the epoch of its last commit, for a file with `sha`. */
  readonly committed: number | null;
}

export interface ListOptions {
  readonly source?: string;
  readonly matches: (path: string) => boolean;
}

function checkSource(source: string): string {
  const parts = source.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part));
  if (bad) throw usageError(`"${source}" is no source`, { hint: 'write it as OWNER/REPO' });
  return source;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw usageError(`no such file or folder: ${path}`, { place: path });
    throw new LakeError('SOURCE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, { place: path, cause: error });
  }
}

function* walk(root: string, below: string): Generator<string> {
  const folder = join(root, below);
  let entries: ReturnType<typeof readEntries>;
  try {
    entries = readEntries(folder);
  } catch (error) {
    throw new LakeError('SOURCE_UNREADABLE', `cannot list ${folder}: ${messageOf(error)}`, {
      place: folder,
      cause: error,
    });
  }
  // A lake below a plain folder is where manifests go to, not where files come from.
  if (below !== '' && entries.some((entry) => entry.folder && entry.name === '_delta_log')) return;
  for (const { name, folder: isDirectory } of entries) {
    const path = below === '' ? name : `${below}/${name}`;
    if (isDirectory) yield* walk(root, path);
    else yield path;
  }
}

function readEntries(folder: string): { readonly name: string; readonly folder: boolean }[] {
  const key = (entry: { name: string; folder: boolean }) => (entry.folder ? `${entry.name}/` : entry.name);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== '.git' && (entry.isFile() || entry.isDirectory()))
    .map((entry) => ({ name: entry.name, folder: entry.isDirectory() }))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function* checkoutFiles(
  root: string,
  listed: readonly CheckoutFile[],
  options: ListOptions & { readonly below: string },
): AsyncGenerator<SourceFile> {
  const files = listed.filter((file) => options.matches(file.path));
  const known = files.filter((file) => file.sha !== null).map((file) => file.path);
  const times = await commitTimes(root, options.below, known);
  const source = checkSource(options.source ?? (await originSource(root)) ?? basename(root));
  for (const { path, sha } of files) {
    const location = join(root, path);
    // Left out by a sparse checkout, or replaced by a folder or link: nothing is there to scan.
    if (statSync(location, { throwIfNoEntry: false })?.isFile() !== true) continue;
    yield { location, source, path, sha, committed: sha === null ? null : (times.get(path) ?? null) };
  }
}

async function* filesAt(path: string, options: ListOptions): AsyncGenerator<SourceFile> {
  const folder = isFolder(path);
  const start = realpathSync(folder ? path : dirname(resolve(path)));
  const checkout = await findCheckout(start);
  if (checkout !== undefined) {
    const root = realpathSync(checkout.root);
    const inside = relative(root, folder ? start : join(start, basename(path)));
    const below = inside.split(sep).join('/');
    const listed = await listCheckout(root, below);
    // What git ignores is scanned as a plain folder when it is asked for by name.
    if (below === '' || listed.length > 0) {
      yield* checkoutFiles(root, listed, { ...options, below });
      return;
    }
  }
  const source = checkSource(options.source ?? basename(start));
  for (const file of folder ? walk(start, '') : [basename(path)]) {
    if (options.matches(file)) yield { location: join(start, file), source, path: file, sha: null, committed: null };
  }
}

/** The files at `paths`, sorted within each; every path is looked at before the first file comes. */
export async function* listFiles(paths: readonly string[], options: ListOptions): AsyncGenerator<SourceFile> {
  for (const path of paths) isFolder(path);
  for (const path of paths) yield* filesAt(path, options);
}
