import { describe, expect, it } from 'vitest';
import { sparkToDuckdb, unsharedPart } from '../../../../src/delta/protocol/spark-expression.js';
import { nodesOf, parseExpression } from '../../../../src/delta/write/expression.js';
import { openSession } from '../../../support/delta.js';

describe('text of Spark', () => {
  it.each([
    ['a > 0', 'a > 0'],
    ['`a b` > 0', '"a b" > 0'],
    ['`a``b` > `c"d`', '"a`b" > "c""d"'],
    ['name = "x"', "name = 'x'"],
    ['name = "it\'s"', "name = 'it''s'"],
    ['name = \'a "quoted" `word`\'', 'name = \'a "quoted" `word`\''],
    ["name = 'it''s'", "name = 'it''s'"],
    ['a <=> b', 'a  IS NOT DISTINCT FROM  b'],
    ['a == b', 'a = b'],
    ['a = \'<=>\' or b = "=="', "a = '<=>' or b = '=='"],
    ['a <= b and a >= b and a <> b', 'a <= b and a >= b and a <> b'],
    ['', ''],
  ])('%s', (spark, duckdb) => {
    expect(sparkToDuckdb(spark)).toBe(duckdb);
  });

  it.each(["a = '\\n'", 'a = "\\t"', "a LIKE '10\\\\%'", "a = '\\''"])(
    '%s has a backslash, which the two read differently',
    (text) => {
      expect(sparkToDuckdb(text)).toBeUndefined();
    },
  );

  it('a backslash outside of strings is left for the parser to refuse', () => {
    expect(sparkToDuckdb('a \\ b')).toBe('a \\ b');
  });
});

const SAME = [
  'a > 0 AND b < 1 OR NOT c',
  'a IN (1, 2) AND b NOT IN (3) AND c IS NULL AND d IS NOT NULL',
  "coalesce(a, b) = 'x' AND nullif(a, 1) > 0 AND ifnull(a, 0) = 1",
  "name LIKE 'a%' AND name NOT LIKE '%b_'",
  'CASE WHEN a > 0 THEN b ELSE c END = 1',
  'a BETWEEN 1 AND 2',
  'a + b - c * d / 2 % 3 > -a',
  "upper(trim(a)) || lower(b) = 'X'",
  'year(ts) = 2026 AND month(ts) > 1 AND day(ts) = 1 AND hour(ts) = 0',
  "CAST(ts AS DATE) >= DATE '2026-01-01' AND d > TIMESTAMP '2026-01-01 00:00:00'",
  'CAST(a AS DOUBLE) > 1e3',
  'st.a > 0',
  'greatest(a, b) > least(c, d) AND abs(a) > floor(b) AND ceil(c) > length(d)',
];

const OTHER: readonly (readonly [string, string])[] = [
  ["rlike(a, 'x')", 'the function rlike'],
  ['a ** 2 > 0', 'the function **'],
  ['a // 2 > 0', 'the function //'],
  ["substring(a, 0, 1) = 'x'", 'the function substring'],
  ["date_trunc('month', ts) = ts", 'the function date_trunc'],
  ["a ILIKE 'x'", 'the function ~~*'],
  ["trim('x', a) = 'b'", 'the function trim'],
  ['l[0] > 1', 'ARRAY_EXTRACT'],
  ["m['k'] > 1", 'ARRAY_EXTRACT'],
  ['l[1:2] IS NULL', 'ARRAY_SLICE'],
  ['CAST(a AS INT) > 0', 'a cast to INTEGER'],
  ['CAST(a AS DECIMAL(10,2)) > 0', 'a cast to DECIMAL'],
  ["CAST(a AS STRING) = '1'", 'a cast to VARCHAR'],
  ['a IN (SELECT 1)', 'subquery'],
  ['sum(a) > 0', 'the function sum'],
  ['a > $x', 'parameter'],
  ['a COLLATE NOCASE = b', 'collate'],
  ['now() > ts', 'the function now'],
  ["ts > DATE '2026-01-01' + INTERVAL 1 DAY", 'to_days'],
  ['(a, b) = (1, 2)', 'the function row'],
  ['list_any_value(l) > 0', 'the function list_any_value'],
];

describe('what the two may read differently', () => {
  it('is nothing in common expressions', async () => {
    const session = await openSession();
    for (const text of SAME) {
      const { tree } = await parseExpression(session, text, 'it');
      expect([text, unsharedPart(nodesOf(tree))]).toEqual([text, undefined]);
    }
  });

  it('is found wherever it stands', async () => {
    const session = await openSession();
    for (const [text, part] of OTHER) {
      for (const around of [text, `a > 0 AND NOT (${text})`, `CASE WHEN ${text} THEN 1 ELSE 2 END = 1`]) {
        const { tree } = await parseExpression(session, around, 'it');
        expect([around, unsharedPart(nodesOf(tree))]).toEqual([around, expect.stringContaining(part)]);
      }
    }
  });
});
