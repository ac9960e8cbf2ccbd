import { usageError } from '../../base/lake-error.js';
import type { FileTree } from './file-tree.js';
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

function donePath(template: string, location: string, paths: FileTree['paths']): string {
  const { basename, dirname, extname, resolve } = paths;
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

/** What files are judged by. */
export interface Watch {
  readonly tree: FileTree;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** How long the last change is ago at least; less than 0 when it is in the future. */
function ageOf(file: FoundFile, { tree, now }: Watch): number {
  const age = now - file.modified;
  return age < 0 ? age : Math.max(0, age - tree.timeStepMs);
}

function tooYoung(age: number, minAgeMs: number): string | null {
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

async function lookAgain(before: FoundFile, tree: FileTree): Promise<Look | undefined> {
  const state = await tree.stat(before.location);
  if (state?.kind !== 'file') return undefined;
  const { size, modified } = state;
  const file = { location: before.location, size, modified };
  return { file, waiting: changeSince(before, file) };
}

/** Looks once more at the files that changed a short time ago, after one wait for all of them; what went away is left out. */
async function secondLook(
  files: readonly FoundFile[],
  stableForMs: number,
  watch: Watch,
): Promise<{ readonly looks: readonly Look[]; readonly waited: number }> {
  const left = (file: FoundFile) => Math.min(stableForMs, stableForMs - ageOf(file, watch));
  const doubtful = (file: FoundFile) => file.problem === undefined && left(file) > 0;
  const waited = files.filter(doubtful).reduce((most, file) => Math.max(most, left(file)), 0);
  if (waited > 0) await watch.tree.wait(Math.ceil(waited));
  const looks = files.map((file) => (doubtful(file) ? lookAgain(file, watch.tree) : { file, waiting: null }));
  return { looks: (await Promise.all(looks)).filter((look) => look !== undefined), waited };
}

/** Why each file has not arrived yet; null for one that is ready. */
export async function judgeArrivals(
  files: readonly FoundFile[],
  rules: ArrivalRules,
  watch: Watch,
): Promise<readonly Look[]> {
  const { looks, waited } = await secondLook(files, rules.stableForMs ?? 0, watch);
  const { doneFile, minAgeMs } = rules;
  const { paths, isFile } = watch.tree;
  const later = { ...watch, now: watch.now + waited };
  const judge = async ({ file, waiting }: Look): Promise<Look> => {
    let why = file.problem ?? waiting;
    if (minAgeMs !== undefined) why ??= tooYoung(ageOf(file, later), minAgeMs);
    if (why === null && doneFile !== undefined) {
      const done = donePath(doneFile, file.location, paths);
      if (!(await isFile(done))) why = `there is no ${paths.basename(done)} yet`;
    }
    return { file, waiting: why };
  };
  return Promise.all(looks.map(judge));
}
