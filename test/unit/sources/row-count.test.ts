import { describe, expect, it } from 'vitest';
import { sourceOfUrl } from '../../../src/sources/git.js';
import { globMatcher } from '../../../src/sources/glob.js';
import { CsvRowCounter, JsonRowCounter, LineCounter, type RowCounter } from '../../../src/sources/row-count.js';

function count(make: () => RowCounter, text: string): number | null {
  const bytes = Buffer.from(text);
  const whole = make();
  whole.push(bytes);
  const rows = whole.end();
  // The delimiter is told from the first piece, which in files holds at least the first line.
  const first = Math.max(1, bytes.indexOf('\n') + 1);
  for (let at = first; at <= bytes.length; at++) {
    const cut = make();
    cut.push(Buffer.from(bytes.subarray(0, at)));
    cut.push(Buffer.from(bytes.subarray(at)));
    expect(cut.end()).toBe(rows);
  }
  return rows;
}

it.each([
  ['a,b\n1,2\n3,4\n', 2],
  ['a,b\r\n1,2\r\n3,4', 2],
  ['a,b\r1,2\r', 1],
  ['a,b\n', 0],
  ['', 0],
  ['\n\n\n', 0],
  ['a,b\n"x\ny",2\n"say ""hi""\n",3\n', 2],
  ['a;b\n"x;\n";2\n1;2', 2],
  ['a\tb\nit"s\t2\n3\t4\n', 2],
  ['a,b\nx"y,2\n"open\n,3\n', 2],
  ['a,b\n"x"y"\n",2\n1,2\n', 2],
])('CSV %j has %d rows', (text, rows) => expect(count(() => new CsvRowCounter(), text)).toBe(rows));

it.each([
  ['[]', 0],
  ['[1,{"a":[1,2]},"x"]', 3],
  ['{"a":[1,2,3]}', 1],
  ['{"a":1}\n{"a":2}\n', 2],
  ['', null],
  ['[1,2', null],
  ['[1 2]', null],
  ['{"a":1} x', null],
  ['[1][2]', null],
  ['{"a":1}[2]', null],
  ['1', null],
])('JSON %j has %s rows', (text, rows) => expect(count(() => new JsonRowCounter(), text)).toBe(rows));

it('counts lines of NDJSON that are not blank', () => {
  expect(count(() => new LineCounter(), '{"a":1}\r\n\n  \n{"b":2')).toBe(2);
});

describe('sourceOfUrl', () => {
  it.each([
    ['https://github.com/pcm-dpc/COVID-19.git', 'pcm-dpc/COVID-19'],
    ['https://user:s3cret@github.com/o/r', 'o/r'],
    ['https://s3cret@github.com:8443/o/r.git/', 'o/r'],
    ['git@github.com:o/r.git', 'o/r'],
    ['ssh://git@host:22/group/sub/r.git', 'group/sub/r'],
    ['https://host/o/r?token=s3cret#x', 'o/r'],
    ['/srv/git/r.git', 'r'],
    ['../r', 'r'],
    ['file:///srv/git/r', 'r'],
    ['https://host/', undefined],
  ])('%s is %s', (url, source) => expect(sourceOfUrl(url)).toBe(source));
});

it.each([
  ['*.csv', ['a.csv', 'x/y/b.csv'], ['a.csvx', 'a.CSV']],
  ['data/*.csv', ['data/a.csv'], ['data/x/a.csv', 'a.csv']],
  ['data/**/*.{csv,tsv}', ['data/a.csv', 'data/x/y/a.tsv'], ['data/a.json']],
  ['x[0-9]?.txt', ['x1a.txt'], ['xaa.txt', 'x1.txt']],
  ['[!a]*', ['b', 'x/b'], ['a', 'x/ab']],
  ['a(b)+.csv', ['a(b)+.csv'], ['abb.csv']],
])('the glob %s matches', (pattern, yes, no) => {
  const matches = globMatcher(pattern);
  expect(yes.filter((path) => !matches(path))).toEqual([]);
  expect(no.filter(matches)).toEqual([]);
});
