import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** Text of a file of the checkout. */
export function readText(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}

/** Files below a folder of the checkout, relative to the checkout, with `/`; all of them if `extension` is empty. */
export function filesBelow(folder: string, extension = ''): string[] {
  const root = join(repositoryRoot, folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => relative(repositoryRoot, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** What belongs to the repository: what git knows or would add; in a source tarball, everything but what is made. */
export function repositoryFiles(): string[] {
  if (existsSync(join(repositoryRoot, '.git'))) {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: repositoryRoot,
      encoding: 'utf8',
    });
    return listed.split('\0').filter((path) => path !== '' && existsSync(join(repositoryRoot, path)));
  }
  const made = new Set(['node_modules', 'dist', 'lake', 'coverage']);
  return readdirSync(repositoryRoot, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isFile()) return [entry.name];
    return entry.isDirectory() && !made.has(entry.name) ? filesBelow(entry.name) : [];
  });
}
