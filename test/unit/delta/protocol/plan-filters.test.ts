import { describe, expect, test } from 'vitest';
import { schemaFromDuckdb } from '../../../../src/delta/protocol/duckdb-types.js';
import { parsePlanFilters } from '../../../../src/delta/protocol/plan-filters.js';
import { isWholeFilter } from '../../../../src/delta/protocol/plan-text.js';
import type { Predicate } from '../../../../src/delta/protocol/predicate.js';

const columnsOf = (types: Record<string, string>) =>
  schemaFromDuckdb(Object.entries(types).map(([name, type]) => ({ name, type }))).fields;
const columns = columnsOf({
  a: 'INTEGER',
  ab: 'INTEGER',
  b: 'VARCHAR',
  'we ird': 'VARCHAR',
  we: 'VARCHAR',
  n: 'DECIMAL(9,2)',
  f: 'FLOAT',
  d: 'DOUBLE',
  day: 'DATE',
  ts: 'TIMESTAMP',
  tz: 'TIMESTAMP WITH TIME ZONE',
  flag: 'BOOLEAN',
  bin: 'BLOB',
  st: 'STRUCT("in" INTEGER, "b c" VARCHAR, deep STRUCT(x DATE))',
});

/** A short form of a predicate: and/or of one term vanish, unknown is `?`. */
function show(predicate: Predicate): string {
  switch (predicate.op) {
    case 'unknown':
      return '?';
    case 'and':
    case 'or':
      return predicate.terms.length === 1
        ? show(predicate.terms[0]!)
        : `(${predicate.terms.map(show).join(` ${predicate.op} `)})`;
    case 'in':
      return `${predicate.column.join('/')} in [${predicate.values.map(({ type, text }) => `${type}:${text}`).join(' ')}]`;
    case 'isNull':
    case 'isNotNull':
      return `${predicate.op} ${predicate.column.join('/')}`;
    default:
      return `${predicate.column.join('/')} ${predicate.op} ${predicate.value.type}:${predicate.value.text}`;
  }
}
const parse = (...filters: string[]) => show(parsePlanFilters(filters, columns));

test.each([
  ['a>5', 'a > number:5'],
  ['ab!=-5', 'ab != number:-5'],
  ["day>='2026-11-20'::DATE", 'day >= date:2026-11-20'],
  ["ts<'2026-11-19 02:29:04.5'::TIMESTAMP", 'ts < timestamp_ntz:2026-11-19 02:29:04.5'],
  ["tz>'2026-11-19 02:29:04.441329+00'::TIMESTAMP WITH TIME ZONE", 'tz > timestamp:2026-11-19 02:29:04.441329+00'],
  ["optional: b IN ('FAI''LED', 'RETRYING')", "b in [string:FAI'LED string:RETRYING]"],
  ["b>='abc' AND b<'abd' AND (b IS NULL)", '(b >= string:abc and b < string:abd and isNull b)'],
  ["we ird='x'", 'we ird = string:x'],
  ["we='ird'", 'we = string:ird'],
  ['n>1.50', 'n > number:1.50'],
  ['f<3.0', 'f < float:3.0'],
  ["f>'-inf'::FLOAT", 'f > float:-inf'],
  ['d=1e-300', 'd = double:1e-300'],
  ['d<1e1000', 'd < double:1e1000'],
  ["d>'nan'::DOUBLE", 'd > double:nan'],
  ['a!=3 AND (a IS NOT NULL)', '(a != number:3 and isNotNull a)'],
  ['flag', 'flag = boolean:true'],
  ['flag=false', 'flag = boolean:false'],
  ['(NOT flag)', 'flag != boolean:true'],
  ["st.b c='x'", 'st/b c = string:x'],
  ["st.in>3 AND st.deep.x='2020-01-01'::DATE", '(st/in > number:3 and st/deep/x = date:2020-01-01)'],
  ['optional: a=1 OR a=2', '(a = number:1 or a = number:2)'],
  ['a>3 AND optional: Dynamic Filter (a)', '(a > number:3 and ?)'],
  ["b='x'' AND a>5'", "b = string:x' AND a>5"],
  ["b='a OR b'", 'b = string:a OR b'],
  ["b=''", 'b = string:'],
])('table filter %s', (text, expected) => expect(parse(text)).toBe(expected));

test.each([
  ["((b > 'x') OR (b IS NULL))", '(b > string:x or isNull b)'],
  ["(((b > 'a') AND (b < 'c')) OR (b = 'z'))", '((b > string:a and b < string:c) or b = string:z)'],
  ["(b IN ('a', NULL))", 'b in [string:a]'],
  ['(a NOT IN (1, 2))', '(a != number:1 and a != number:2)'],
  ['(NOT ((a > 5) AND (a < 10)))', '(a <= number:5 or a >= number:10)'],
  ['(NOT (a IN (1, 2)))', '(a != number:1 and a != number:2)'],
  ['(a IS DISTINCT FROM 3)', '(a != number:3 or isNull a)'],
  ['(a IS NOT DISTINCT FROM 3)', '(a = number:3 and isNotNull a)'],
  ['(b IS NOT DISTINCT FROM NULL)', 'isNull b'],
  ['(b IS DISTINCT FROM NULL)', 'isNotNull b'],
  ['(flag IS NOT DISTINCT FROM true)', '(flag = boolean:true and isNotNull flag)'],
  ['((a > 3) OR NULL)', '(a > number:3 or ?)'],
  ['(flag OR (a > 3))', '(flag = boolean:true or a > number:3)'],
  ['(CAST(a AS DECIMAL(11,1)) > 3.5)', 'a > number:3.5'],
  ['(CAST(a AS BIGINT) = 9999999999)', 'a = number:9999999999'],
  ['(CAST(a AS DOUBLE) > 1.5)', 'a > double:1.5'],
  ['(CAST(n AS DOUBLE) = 1.5)', 'n = double:1.5'],
  ['(CAST(n AS DECIMAL(10,4)) > 1.2345)', 'n > number:1.2345'],
  ["(CAST(day AS TIMESTAMP) > '2020-01-01 01:00:00'::TIMESTAMP)", 'day > timestamp_ntz:2020-01-01 01:00:00'],
  ["((struct_extract(st, 'in') = 3) OR (struct_extract(st, 'in') IS NULL))", '(st/in = number:3 or isNull st/in)'],
  ["(struct_extract(struct_extract(st, 'deep'), 'x') IS NOT NULL)", 'isNotNull st/deep/x'],
  ['(a IS NULL) AND a>3', '(isNull a and a > number:3)'],
  ['a>3 AND (((a % 2) = 0) OR (a = 9))', '(a > number:3 and (? or a = number:9))'],
  ["b>='a' AND prefix(b, 'a OR b')", '(b >= string:a and ?)'],
  ["b>='a' AND prefix(b, 'ab')", '(b >= string:a and ?)'],
  ["b>='a' AND (length(b) = 2)", '(b >= string:a and ?)'],
])('expression %s', (text, expected) => expect(parse(text)).toBe(expected));

test.each([
  'Dynamic Filter (a)',
  'a>5x',
  'a>5 XOR a<3',
  'a>b',
  'abc>5',
  'A>5',
  'a>1.5.2',
  "a>'5'",
  'b=5',
  "b='x'::BLOB",
  "bin='a'::BLOB",
  "day='2020-01-01'",
  "tz>'2020-01-01 00:00:00'::TIMESTAMP",
  "day='2020-01-01'::TIMESTAMP",
  'flag=1',
  'a=true',
  'a=NULL',
  'a IN ()',
  'a IN (1, b)',
  'a IN (1, 1.5.2)',
  "(b ~~ 'a_c')",
  "(b ~~* 'ab%')",
  "(lower(b) = 'a')",
  '(abs(a) = 3)',
  "(CAST(a AS VARCHAR) = '5')",
  "(CAST(tz AS DATE) = '2020-01-01'::DATE)",
  '(CAST(n AS INTEGER) = 1)',
  '(CAST(n AS DECIMAL(9,1)) = 1.5)',
  '(CAST(a AS FLOAT) > 1.5)',
  "(CAST(day AS TIMESTAMP WITH TIME ZONE) > '2020-01-01 00:00:00+00'::TIMESTAMP WITH TIME ZONE)",
  "(CAST(ts AS TIMESTAMP WITH TIME ZONE) >= '2020-01-01 00:00:00+00'::TIMESTAMP WITH TIME ZONE)",
  "(day = CAST('xy' AS DATE))",
  '((a > 3) = true)',
  '((a > 3) IS DISTINCT FROM true)',
  '(COALESCE(a, 0) > 3)',
  'CASE  WHEN ((a > 3)) THEN (true) ELSE NULL END',
  "starts_with(b, 'ab')",
  'constant_or_null(true, true, b)',
  "(b || 'x') = 'ax'",
  'st.in',
  'a',
  '',
])('not understood: %s', (text) => expect(parse(text)).toBe('?'));

describe('texts that could be mistaken', () => {
  test('nested OR without parentheses never gets stronger', () => {
    expect(parse("optional: b='a' OR b='c' AND b>='a' AND optional: b<'b' OR b>'x'")).toBe(
      '(b = string:a or (b = string:c and b >= string:a and b < string:b) or b > string:x)',
    );
    expect(parse('a=1 OR Dynamic Filter (a)')).toBe('(a = number:1 or ?)');
    expect(parse('a=1 AND Dynamic Filter (a) OR a=3')).toBe('?');
  });

  test('a line break or NUL inside a constant makes all pieces unknown', () => {
    expect(parse("b='x", 'a>5', "y'")).toBe('?');
    expect(parse("b='x", "'''", 'a=2')).toBe('?');
    expect(parse("b='x", 'a=2')).toBe('?');
    expect(parse("(b IN ('x", 'a=2', "y'))")).toBe('?');
  });

  test('so do constants inside lists and structs, whose quoting differs', () => {
    expect(parse("(l = ['x", 'a>5', "'])")).toBe('?');
    expect(parse('(l = [x])', 'a>5')).toBe('?');
    expect(parse("(st = {'in': 1})", 'a>5')).toBe('?');
  });

  test('names that look like something else are left alone', () => {
    const odd = (name: string, ...filters: string[]) =>
      show(parsePlanFilters(filters, columnsOf({ a: 'INTEGER', flag: 'BOOLEAN', [name]: 'INTEGER' })));
    expect(odd('a>b', 'a>b>5', 'a>5')).toBe('(? and a > number:5)');
    expect(odd('a > 3', '((a > 3) OR flag)')).toBe('?');
    expect(odd('NOT flag', '(NOT flag)')).toBe('?');
    expect(odd('optional: z', 'optional: z>5')).toBe('?');
    expect(odd('(p)', '(p)>5')).toBe('?');
    expect(odd('3', 'a=3')).toBe('?');
    expect(odd('a AND flag', 'a AND flag>5', 'flag')).toBe('(? and flag = boolean:true)');
    expect(odd("it's", "it's>5", 'a>3')).toBe('?');
    expect(odd('x\ny', 'x', 'y>5', 'a>3')).toBe('?');
    expect(odd('a b', 'a b>5')).toBe('a b > number:5');
    expect(odd('größe', 'größe>5')).toBe('größe > number:5');
    expect(odd('file-size', 'file-size>5')).toBe('file-size > number:5');
    expect(odd('end', 'end>5')).toBe('end > number:5');
    expect(odd('select', 'select>5')).toBe('select > number:5');
  });

  test('a column and a field that print alike', () => {
    const twins = columnsOf({ 'st.x': 'INTEGER', st: 'STRUCT(x INTEGER, y INTEGER)' });
    expect(show(parsePlanFilters(['st.x>3', 'st.y>3'], twins))).toBe('(? and st/y > number:3)');
  });

  test('several filters hold together', () => {
    expect(parse('a>3', "b='x'")).toBe('(a > number:3 and b = string:x)');
    expect(parse()).toBe('()');
  });
});

test('whole filters', () => {
  for (const text of ["b='it''s'", "(b IN ('(', ')'))", "b='[{'", 'a']) expect(isWholeFilter(text), text).toBe(true);
  for (const text of ["b='x", "y'", '(a', 'a)', ')a(', 'l[1]', '{', "b='x''"])
    expect(isWholeFilter(text), text).toBe(false);
});
