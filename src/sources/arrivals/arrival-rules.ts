import { statSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { sleep } from '../../base/clock.js';
import { usageError } from '../../base/lake-error.js';
import type { FoundFile } from './walk.js';

/** When a file counts as delivered. */
export interface ArrivalRules {
  /** Milliseconds since its last change. */
  readonly minAgeMs?: number;
  /** Milliseconds over which size and time must not change; a younger file is looked at twice. */
  readonly stableForMs?: number;
  /** A file that says that another one is whole: `{path}.done`, or a name in the same folder with `{name}` and `{stem}` (without extension). */
  readonly doneFile?: string;
  /** Endings of names that are not listed at all. Default: `.tmp .part .partial .crdownload .filepart ~`; names that start with a dot never are. */
  readonly temporarySuffixes?: readonly string[];
}

const TEMPORARY = ['.tmp', '.part', '.partial', '.crdownload', '.filepart', '~'];
const PLACE = /\{(path|name|stem)\}/g;

function donePath(template: string, location: string): string {
  const name = basename(location);
  const values: Record<string, string> = {
    path: location,
    name,
    stem: name.slice(0, name.length - extname(name).length),
  };
  const filled = template.replaceAll(PLACE, (_, key: string) => values[key] ?? '');
  return resolve(dirname(location), filled);
}

function doneName(template: string): RegExp {
  const name = template.slice(template.lastIndexOf('/') + 1);
  if (name.replaceAll(PLACE, '') === '') {
    throw usageError(`done file "${template}" would be the file itself`, { hint: 'write it as {path}.done' });
  }
  const source = name
    .split(PLACE)
    .map((part, i) => (i % 2 === 1 ? '.+' : part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`, 'su');
}

/** Whether a name is that of a file that is listed: no temporary one and no done file. */
export function nameTest(rules: ArrivalRules): (name: string) => boolean {
  const suffixes = (rules.temporarySuffixes ?? TEMPORARY).filter((suffix) => suffix !== '');
  const done = rules.doneFile === undefined ? undefined : doneName(rules.doneFile);
  return (name) => !name.startsWith('.') && !suffixes.some((suffix) => name.endsWith(suffix)) && !done?.test(name);
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}

function isThere(location: string): boolean {
  return statSync(location, { throwIfNoEntry: false })?.isFile() === true;
}

function tooYoung(file: FoundFile, minAgeMs: number, now: number): string | null {
  const age = now - file.modified;
  if (age >= minAgeMs) return null;
  if (age < 0) return `its last change is ${duration(-age)} in the future, by this machine's clock`;
  return `changed ${duration(age)} ago, less than ${duration(minAgeMs)}`;
}

interface Look {
  readonly file: FoundFile;
  readonly waiting: string | null;
}

function changeSince(before: FoundFile, after: FoundFile): string | null {
  if (after.size !== before.size) return `still growing: ${before.size} bytes, then ${after.size}`;
  return after.modified === before.modified ? null : 'still being written: its time of change moved';
}

function lookAgain(before: FoundFile): Look | undefined {
  const stat = statSync(before.location, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  const file = { location: before.location, size: stat.size, modified: stat.mtimeMs };
  return { file, waiting: changeSince(before, file) };
}

/** Looks once more at the files that changed a short time ago, after one wait for all of them; what went away is left out. */
async function secondLook(
  files: readonly FoundFile[],
  stableForMs: number,
  now: number,
): Promise<{ readonly looks: readonly Look[]; readonly waited: number }> {
  const left = (file: FoundFile) => Math.min(stableForMs, stableForMs - (now - file.modified));
  const doubtful = (file: FoundFile) => file.problem === undefined && left(file) > 0;
  const waited = Math.max(0, ...files.filter(doubtful).map(left));
  if (waited > 0) await sleep(Math.ceil(waited));
  const looks = files.map((file) => (doubtful(file) ? lookAgain(file) : { file, waiting: null }));
  return { looks: looks.filter((look) => look !== undefined), waited };
}

/** Why each file has not arrived yet; null for one that is ready. */
export async function judgeArrivals(
  files: readonly FoundFile[],
  rules: ArrivalRules,
  now: number,
): Promise<readonly Look[]> {
  const { looks, waited } = await secondLook(files, rules.stableForMs ?? 0, now);
  const { doneFile, minAgeMs } = rules;
  return looks.map(({ file, waiting }) => {
    let why = file.problem ?? waiting;
    if (minAgeMs !== undefined) why ??= tooYoung(file, minAgeMs, now + waited);
    if (why === null && doneFile !== undefined) {
      const done = donePath(doneFile, file.location);
      if (!isThere(done)) why = `there is no ${basename(done)} yet`;
    }
    return { file, waiting: why };
  });
}
