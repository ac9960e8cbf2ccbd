import { cpSync, existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository.js';
import { tempFolder } from './temp-folder.js';

/** Tables that others wrote, with what they hold; beside the checkout, not in it. */
export const conformanceFolder = join(repositoryRoot, '..', 'shared', 'conformance');
export const hasConformance = existsSync(join(conformanceFolder, 'INDEX.tsv'));

/** One line of INDEX.tsv. */
export interface ConformanceCase {
  readonly name: string;
  readonly folder: string;
  readonly kind: string;
  /** What an independent reader found; undefined where it found nothing. */
  readonly version: number | undefined;
  readonly files: number | undefined;
  readonly rows: number | undefined;
  /** Row counts; null for a version that cannot be read any more. */
  readonly rowsByVersion: ReadonlyMap<number, number | null>;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

export function readCases(): ConformanceCase[] {
  if (!hasConformance) return [];
  const [head = '', ...lines] = readFileSync(join(conformanceFolder, 'INDEX.tsv'), 'utf8').trimEnd().split('\n');
  const names = head.split('\t');
  return lines.map((line) => {
    const values = line.split('\t');
    const at = (name: string) => values[names.indexOf(name)];
    const versions = (at('ref_rows_by_version') ?? '').split(' ').filter((part) => part !== '');
    return {
      name: `${at('suite')}/${at('case')}`,
      folder: join(conformanceFolder, at('path') ?? ''),
      kind: at('expected_kind') ?? '',
      version: numberOf(at('ref_version')),
      files: numberOf(at('ref_files')),
      rows: numberOf(at('ref_rows')),
      rowsByVersion: new Map(
        versions.map((part) => {
          const [version = '', rows = ''] = part.slice(1).split('=');
          return [Number(version), rows === 'n/a' ? null : Number(rows)];
        }),
      ),
    };
  });
}

/** The table of a case. */
export function tableFolder(folder: string): string {
  const below = join(folder, 'delta');
  return existsSync(join(below, '_delta_log')) ? below : folder;
}

/** A copy of a table whose commit files have the modification times (milliseconds) that `timeOf` gives. */
export function copyWithTimes(folder: string, timeOf: (version: number, text: string) => number): string {
  const copy = join(tempFolder(), 'table');
  cpSync(folder, copy, { recursive: true });
  const log = join(copy, '_delta_log');
  for (const name of readdirSync(log)) {
    if (!/^\d{20}\.json$/.test(name)) continue;
    const path = join(log, name);
    // Half a millisecond more: a time goes to the file system as a double in seconds, and comes back cut.
    const time = (timeOf(Number(name.slice(0, 20)), readFileSync(path, 'utf8')) + 0.5) / 1000;
    utimesSync(path, time, time);
  }
  return copy;
}

/** `commitInfo.timestamp` of a commit. */
export function timestampOf(commit: string): number {
  const line = commit.split('\n').find((text) => text.includes('"commitInfo"'));
  return line === undefined ? 0 : Number(JSON.parse(line).commitInfo.timestamp);
}
