import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceConfig } from '../../src/ingest/config/source-config.js';

const HEADER = 'id,code,v\n';
/** Rows `from` to `to` of a file, each different from those of all other contents. */
function csv(letter: string, from: number, to: number): string {
  const rows: string[] = [];
  for (let id = from; id < to; id++) rows.push(`${id},0${letter}${id},${id * 10 + letter.charCodeAt(0)}`);
  return `${HEADER}${rows.join('\n')}\n`;
}

const A = csv('a', 0, 5);
const B = csv('b', 0, 6);
const C = csv('c', 10, 13);
const D = csv('d', 20, 24);
const MORE = 'id,code,v,extra\n30,0e30,1,x\n31,0e31,2,y\n';
/** A row with a quote that nothing closes rightly, and one that the expectation refuses. */
const REJECTS = `${HEADER}40,0f40,4\n41,"0f"41,5\n42,0f42,-1\n43,0f43,6\n`;
const BROKEN = '[{"id": 1}, {"id": ';

type Turn<T> = Readonly<Record<string, T>>;

/** What each turn of the source brings, path → content; the other paths keep theirs. */
export const TURNS: readonly Turn<string>[] = [
  { 'a.csv': A, 'b.csv': C, 'copy.csv': C, 'broken.json': BROKEN, 'rejects.csv': REJECTS },
  // A correction; the owner of shared bytes is corrected, so the copy takes its rows over; a new file with a new column.
  { 'a.csv': B, 'b.csv': D, 'more.csv': MORE },
  // A content returns; a failing file is mended.
  { 'a.csv': A, 'broken.json': '[{"id": 50, "code": "0g50", "v": 7}]' },
];

/** The rows that must be there after a turn: path → number of rows. */
export const EXPECTED: readonly Turn<number>[] = [
  { 'a.csv': 5, 'b.csv': 3, 'rejects.csv': 2 },
  { 'a.csv': 6, 'b.csv': 4, 'copy.csv': 3, 'more.csv': 2, 'rejects.csv': 2 },
  { 'a.csv': 5, 'b.csv': 4, 'broken.json': 1, 'copy.csv': 3, 'more.csv': 2, 'rejects.csv': 2 },
];

/** What is at each path after a turn. */
export function contentsAfter(turn: number): Turn<string> {
  return Object.assign({}, ...TURNS.slice(0, turn + 1));
}

/** Puts the files of a turn below `in/`. */
export function bring(folder: string, turn: number): void {
  mkdirSync(join(folder, 'in'), { recursive: true });
  for (const [name, text] of Object.entries(TURNS[turn] ?? {})) writeFileSync(join(folder, 'in', name), text);
}

export const SOURCE: SourceConfig = {
  path: 'in/*',
  into: 'bronze.t',
  key: ['id'],
  keep_raw: true,
  expectations: [{ name: 'positive', expect: 'v >= 0', action: 'quarantine' }],
};
