import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { usageError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import { packageRoot } from '../base/package-root.js';
import { type Check, checkFileError, parseCheckFile } from './check-file.js';

const VERSION_FILE = /^v([1-9]\d*)\.sql$/;
const FLAT_FILE = /^([a-z][a-z0-9_]*)\.sql$/;

function byNameAndVersion(a: Check, b: Check): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.version - b.version;
}

function readCheck(path: string, file: string, shipped: boolean): Check {
  return parseCheckFile(readFileSync(path, 'utf8'), file, { shipped });
}

function assertNamed(check: Check, name: string, version: number | undefined): Check {
  if (check.name !== name) throw checkFileError(`"name" is ${check.name}, the path says ${name}`, `${check.file}:1`);
  if (version !== undefined && check.version !== version) {
    throw checkFileError(`"version" is ${check.version}, the path says ${version}`, `${check.file}:1`);
  }
  return check;
}

/** `<folder>/<name>/vN.sql`, and in a user's folder also `<folder>/<name>.sql`. Twins (`vN.spark.sql`) are not checks. */
function readFolder(folder: string, shown: string, shipped: boolean): Check[] {
  const checks: Check[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (statSync(path).isDirectory()) {
      for (const file of readdirSync(path)) {
        const version = VERSION_FILE.exec(file)?.[1];
        if (version === undefined) continue;
        const check = readCheck(join(path, file), `${shown}/${entry.name}/${file}`, shipped);
        checks.push(assertNamed(check, entry.name, Number(version)));
      }
    } else if (!shipped && FLAT_FILE.test(entry.name)) {
      const check = readCheck(path, `${shown}/${entry.name}`, shipped);
      checks.push(assertNamed(check, basename(entry.name, '.sql'), undefined));
    }
  }
  return checks;
}

/**
 * All versions of the checks of this package and, when given, of a user's folder, by name and version.
 * A user may add a new check or a newer version of a shipped one, never another text for the same name and version.
 * @throws LakeError `USAGE` for a missing folder, `CHECK_FILE` for a file that is wrong or appears twice.
 */
export function loadChecks(folder?: string): readonly Check[] {
  const checks = readFolder(join(packageRoot(), 'sql', 'checks'), 'sql/checks', true);
  if (folder !== undefined) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw usageError(`no folder "${folder}" with checks`);
    checks.push(...readFolder(folder, folder.replaceAll('\\', '/').replace(/\/+$/, ''), false));
  }
  const seen = new Map<string, Check>();
  for (const check of checks) {
    const id = `${check.name}@${check.version}`;
    const other = seen.get(id);
    if (other !== undefined) {
      throw checkFileError(`${id} exists already in ${other.file}`, `${check.file}:1`, 'raise "version" or rename it');
    }
    seen.set(id, check);
  }
  return checks.sort(byNameAndVersion);
}

/** Which checks to run. */
export interface CheckSelection {
  /** `name` (newest version) or `name@1`. Empty or absent: every check. */
  readonly select?: readonly string[] | undefined;
  /** Keep the checks that have one of these tags. */
  readonly tag?: readonly string[] | undefined;
}

function newest(checks: readonly Check[]): Check[] {
  return [...new Map([...checks].sort(byNameAndVersion).map((check) => [check.name, check])).values()];
}

function findSelected(checks: readonly Check[], wanted: string): Check {
  const [name = '', version, ...more] = wanted.split('@');
  const versions = checks.filter((check) => check.name === name);
  if (versions.length === 0) {
    const names = [...new Set(checks.map((check) => check.name))];
    throw usageError(`there is no check "${name}"`, { place: `--select ${wanted}`, hint: didYouMean(name, names) });
  }
  const found =
    version === undefined
      ? newest(versions)[0]
      : versions.find((check) => more.length === 0 && String(check.version) === version.replace(/^v/, ''));
  if (found === undefined) {
    const known = versions.map((check) => `${name}@${check.version}`).join(', ');
    throw usageError(`the check ${name} has no version "${version}"`, {
      place: `--select ${wanted}`,
      hint: `known: ${known}`,
    });
  }
  return found;
}

/**
 * The checks to run, each once, by name and version. Without `name@N` the newest version is taken.
 * @throws LakeError `USAGE` for an unknown name, version or tag, with the near names as hint.
 */
export function selectChecks(checks: readonly Check[], selection: CheckSelection = {}): readonly Check[] {
  const { select = [], tag = [] } = selection;
  const picked = select.length === 0 ? newest(checks) : select.map((wanted) => findSelected(checks, wanted));
  const tags = [...new Set(checks.flatMap((check) => check.tags))].sort();
  for (const name of tag) {
    if (tags.includes(name)) continue;
    throw usageError(`no check has the tag "${name}"`, { place: `--tag ${name}`, hint: didYouMean(name, tags) });
  }
  const kept = tag.length === 0 ? picked : picked.filter((check) => check.tags.some((name) => tag.includes(name)));
  return [...new Set(kept)].sort(byNameAndVersion);
}
