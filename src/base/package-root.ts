import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let root: string | undefined;

/** The folder of the installed package (holds `package.json` and `sql/`), whether run from `src/` or bundled in `dist/`. */
export function packageRoot(): string {
  if (root !== undefined) return root;
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(join(folder, 'sql')) && existsSync(join(folder, 'package.json')))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('lakeledger: the folder "sql" of the package is missing; reinstall it');
    folder = parent;
  }
  root = folder;
  return folder;
}

/** The version of the installed package. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).version;
}
