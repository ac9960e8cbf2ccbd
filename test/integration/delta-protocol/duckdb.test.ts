import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schemaFromDuckdb } from '../../../src/delta/protocol/duckdb-types.js';
import { parsePartitionValue, serializePartitionValue } from '../../../src/delta/protocol/partition-values.js';
import { type DeltaSchema, duckdbType } from '../../../src/delta/protocol/schema.js';
import { parseStats, statsJson, statsValue } from '../../../src/delta/protocol/stats.js';
import { Session } from '../../../src/duckdb/session.js';
import { addFile, PLAN_MODE, scanFilters, writeFile } from './written-files.js';

let session: Session;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lakeledger-protocol-'));
  session = await Session.open({ threads: 1 });
});
afterAll(async () => {
  session?.close();
  await rm(folder, { recursive: true, force: true });
});

const describeQuery = async (query: string) =>
  (await session.rows(`DESCRIBE ${query}`)).map((row) => ({
    name: String(row.column_name),
    type: String(row.column_type),
  }));
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

describe('types', () => {
  const query = `SELECT 1::TINYINT ti, 1::SMALLINT si, 1::INTEGER i, 1::BIGINT bi, 1::FLOAT f, 1::DOUBLE d, '' v, true b, ''::BLOB bl,
    current_date dt, localtimestamp ts, now() tz, 1::DECIMAL(38,3) de, {'a': 1, 'b c': ['x'], 'q"q': {'x.y': 1.5}} st, MAP {'k': [1]} m,
    [[1]] l, [{'q': 1}] ls, 'a'::ENUM('a', 'b''c', 'd,)') e, NULL::JSON j, [1,2]::INTEGER[2] arr`;

  test('what DESCRIBE and results say is understood, and means the same to DuckDB', async () => {
    const described = await describeQuery(query);
    const schema = schemaFromDuckdb(described);
    const { columns } = await session.query(query);
    expect(schemaFromDuckdb(columns)).toEqual(schema);
    const casts = schema.fields.map(({ name, type }) => `CAST(${name} AS ${duckdbType(type)}) AS ${name}`);
    const again = await describeQuery(`SELECT ${casts.join(', ')} FROM (${query})`);
    const changed = again
      .filter(({ type }, i) => type !== described[i]?.type)
      .map(({ name, type }) => `${name} ${type}`);
    expect(changed).toEqual(['e VARCHAR', 'j VARCHAR', 'arr INTEGER[]']);
    expect(schemaFromDuckdb(again)).toEqual(schema);
  });

  test.each([
    ['sum(1)', 'HUGEINT'],
    ['uuid()', 'UUID'],
    ['1::UBIGINT', 'UBIGINT'],
    ['localtime', 'TIME'],
    ['INTERVAL 1 DAY', 'INTERVAL'],
    ["TIMESTAMP_NS '2020-01-01'", 'TIMESTAMP_NS'],
    ["TIMESTAMP_S '2020-01-01'", 'TIMESTAMP_S'],
    ['union_value(a := 1)', 'UNION'],
    ["'101'::BIT", 'BIT'],
    ['[1::HUGEINT]', 'HUGEINT inside HUGEINT[]'],
  ])('%s has no Delta type', async (expression, type) => {
    const columns = await describeQuery(`SELECT ${expression} AS c`);
    expect(() => schemaFromDuckdb(columns)).toThrow(`column "c" has type ${type}`);
  });
});

test.each([
  ['VARCHAR', ["'a b/c=%'", "''''", "'\u{1f600}'", 'chr(10)']],
  ['TINYINT', ['-128', '127']],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807']],
  ['BOOLEAN', ['true', 'false']],
  ['FLOAT', ['0.1', '-0.0', '3.4e38', '1e-45', '16777216', "'nan'", "'-inf'"]],
  [
    'DOUBLE',
    ['0.1', '1e7', '9999999', '0.001', '0.00099', '1.7976931348623157e308', '5e-324', "'inf'", '123456789.123456789'],
  ],
  ['DECIMAL(9,3)', ['-999999.999', '0.001', '0', '5']],
  ['DECIMAL(38,38)', ["'0.12345678901234567890123456789012345678'", "'-0.5'"]],
  ['DATE', ["'0001-01-01'", "'2020-02-29'", "'9999-12-31'", "'12345-06-07'", "'0044-03-15 (BC)'"]],
  [
    'TIMESTAMP',
    ["'2020-01-01'", "'2020-01-01 00:00:00.000001'", "'1969-12-31 23:59:59.5'", "'0044-03-15 (BC) 01:02:03'"],
  ],
  ['TIMESTAMPTZ', ["'2020-01-01 00:00:00+02'", "'1969-12-31 23:59:59.999999+00'", "'9999-12-31 23:59:59.999999+00'"]],
  ['BLOB', ["'abc'", "'\\x00\\x5C\\x27\\xC3\\xA9'::BLOB"]],
])('%s values go through partitionValues unchanged', async (sqlType, values) => {
  for (const value of values) {
    const columns = await describeQuery(`SELECT CAST(${value} AS ${sqlType}) AS c`);
    const type = schemaFromDuckdb(columns).fields[0]!.type;
    const [printed] = await session.rows(`SELECT CAST(CAST(${value} AS ${sqlType}) AS VARCHAR) AS text`);
    const stored = serializePartitionValue(type, String(printed?.text));
    const read = parsePartitionValue(type, stored);
    const [row] = await session.rows(
      `SELECT CAST($read AS ${duckdbType(type)}) IS NOT DISTINCT FROM CAST(${value} AS ${sqlType}) AS same`,
      { read },
    );
    expect(row?.same, `${value} → ${stored} → ${read}`).toBe(true);
    if (sqlType !== 'BLOB') expect(parsePartitionValue(type, read)).toBe(read);
  }
});

describe('stats of written files', () => {
  const schemaOf = async (query: string): Promise<DeltaSchema> => schemaFromDuckdb(await describeQuery(query));

  test('a file of many types', async () => {
    const query = `SELECT * FROM (VALUES
      (1, 9223372036854775807, 0.1::FLOAT, 'inf'::DOUBLE, 'it''s', true, '\\xFF'::BLOB, DATE '2020-01-02', TIMESTAMP '2020-01-01 00:00:00.0000015', TIMESTAMPTZ '2020-01-01 00:00:00.999999+00', 12345678901234567890.5::DECIMAL(38,1), {'x': 1, 'q"y': [1]}),
      (NULL, -9223372036854775808, 0.5::FLOAT, 2.5::DOUBLE, NULL, NULL, NULL, DATE '2020-01-01', NULL, NULL, -1.5::DECIMAL(38,1), NULL)
    ) t(i, l, f, d, v, b, bin, day, ts, tz, de, st)`;
    const { stats } = await addFile(session, await schemaOf(query), { query, path: join(folder, 'many.parquet') });
    expect(stats).toBe(
      '{"numRecords":2,' +
        '"minValues":{"i":1,"l":-9223372036854775808,"f":0.1,"d":2.5,"v":"it\'s","day":"2020-01-01","ts":"2020-01-01T00:00:00.000","tz":"2020-01-01T00:00:00.999Z","de":-1.5,"st":{"x":1}},' +
        '"maxValues":{"i":1,"l":9223372036854775807,"f":0.5,"v":"it\'s","day":"2020-01-02","ts":"2020-01-01T00:00:00.001","tz":"2020-01-01T00:00:01.000Z","de":12345678901234567890.5,"st":{"x":1}},' +
        '"nullCount":{"i":1,"l":0,"f":0,"d":0,"v":1,"b":1,"bin":1,"day":0,"ts":1,"tz":1,"de":0,"st":{"x":1}}}',
    );
  });

  test('string bounds enclose all strings in DuckDB order, however long and odd', async () => {
    const chars = ['a', 'z', '\u007f', 'é', '\ud7ff', '\ue000', '\ufffd', '\u{10000}', '\u{1f600}', '\u{10ffff}'];
    const text = fc
      .tuple(
        fc.array(fc.constantFrom(...chars), { maxLength: 6 }).map((c) => c.join('')),
        fc.constantFrom(1, 1, 8, 16, 40, 90, 300),
      )
      .map(([unit, times]) => unit.repeat(times));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), async (texts) => {
        const query = `SELECT unnest([${texts.map(literal).join(', ')}]) AS v`;
        const { $count, ...columns } = await writeFile(session, query, join(folder, 'strings.parquet'));
        const stats = parseStats(statsJson(await schemaOf(query), { numRecords: $count, columns }));
        expect(stats?.numRecords).toBe(texts.length);
        const [min, max] = [statsValue(stats?.minValues, ['v']), statsValue(stats?.maxValues, ['v'])];
        const outside = await session.rows(
          `SELECT v FROM (${query}) WHERE v < coalesce($min, v) OR v > coalesce($max, v)`,
          { min: min ?? null, max: max ?? null },
        );
        expect(outside).toEqual([]);
        const ordinary = texts.every((t) => !t.includes('\u{10ffff}') && Buffer.byteLength(t) <= 250);
        if (ordinary) expect([min, max]).not.toContain(undefined);
      }),
      { numRuns: 60 },
    );
  });
});

describe('what EXPLAIN prints today, on which the reader of filters stands', () => {
  beforeAll(async () => {
    await session.run(
      'CREATE TABLE t (i INTEGER, j INTEGER, v VARCHAR, st STRUCT(a INTEGER), l VARCHAR[], "we ird" VARCHAR, day DATE, d DOUBLE)',
    );
    await session.run(PLAN_MODE);
  });
  const filters = (condition: string, params?: Record<string, string | number>) =>
    scanFilters(session, `SELECT count(*) FROM t WHERE ${condition}`, params);

  test.each<[string, string[][]]>([
    ['i > 5', [['i>5']]],
    ["v = 'it''s AND i>5'", [["v='it''s AND i>5'"]]],
    ["v = 'x' || chr(10) || 'i>5' || chr(10) || 'y'", [["v='x", 'i>5', "y'"]]],
    ["v = 'x' || chr(0) || 'y' AND i = 2", [["v='x", 'i=2']]],
    ["i > 3 AND v IN ('a', 'b')", [['i>3', "optional: v IN ('a', 'b')"]]],
    ["v IN ('a', 'b') AND (v = 'a' OR v > 'c')", [["optional: v IN ('a', 'b') AND optional: v='a' OR v>'c'"]]],
    ['st.a > 3', [['st.a>3']]],
    ['"we ird" = \'x\'', [["we ird='x'"]]],
    ["day > TIMESTAMP '2020-01-01'", [["day>'2020-01-01'::DATE"]]],
    ['i > 1.5 AND j IS NULL', [['(CAST(i AS DECIMAL(11,1)) > 1.5)', '(j IS NULL)']]],
    ["d = 'nan'", [["d='nan'::DOUBLE"]]],
  ])('%s', async (condition, expected) => expect(await filters(condition)).toEqual(expected));

  test('parameters are filled in, aliases are resolved to the columns of the table', async () => {
    expect(await filters('v = $a AND i > $b', { a: "x'y", b: 3 })).toEqual([["v='x''y'", 'i>3']]);
    expect(await scanFilters(session, 'SELECT count(*) FROM t AS q(j, i) WHERE i > 3')).toEqual([['j>3']]);
    expect(await scanFilters(session, 'SELECT count(*) FROM (SELECT j AS i FROM t) WHERE i > 3 OR i IS NULL')).toEqual([
      ['((j > 3) OR (j IS NULL))'],
    ]);
  });

  test('long constants are not cut', async () => {
    const long = 'x'.repeat(20_000);
    expect(await filters('v = $a', { a: long })).toEqual([[`v='${long}'`]]);
  });
});
