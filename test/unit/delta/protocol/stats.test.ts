import { describe, expect, test } from 'vitest';
import { schemaFromDuckdb } from '../../../../src/delta/protocol/duckdb-types.js';
import {
  type ColumnStats,
  parseStats,
  type StatsOptions,
  statsJson,
  statsValue,
  truncateMax,
  truncateMin,
} from '../../../../src/delta/protocol/stats.js';

const write = (types: Record<string, string>, columns: Record<string, ColumnStats>, options?: StatsOptions) =>
  statsJson(
    schemaFromDuckdb(Object.entries(types).map(([name, type]) => ({ name, type }))),
    { numRecords: 3, columns },
    options,
  );
const bounds = (type: string, min: string, max: string, more: ColumnStats = {}) => {
  const { minValues, maxValues } = JSON.parse(write({ c: type }, { '"c"': { min, max, nullCount: 0, ...more } }));
  return [minValues.c, maxValues.c];
};

describe('what is written', () => {
  test.each([
    ['BIGINT', '-9223372036854775808', '9223372036854775807'],
    ['DECIMAL(38,3)', '-12345678901234567890.500', '12345678901234567890.500'],
    ['DOUBLE', '-1e+300', '0.1'],
  ])('%s keeps every digit', (type, min, max) => {
    expect(write({ c: type }, { '"c"': { min, max, nullCount: 1 } })).toBe(
      `{"numRecords":3,"minValues":{"c":${min}},"maxValues":{"c":${max}},"nullCount":{"c":1}}`,
    );
  });

  test.each([
    [
      'TIMESTAMP WITH TIME ZONE',
      '2020-01-01 00:00:00.123456+00',
      '2020-01-01T00:00:00.123Z',
      '2020-01-01T00:00:00.124Z',
    ],
    ['TIMESTAMP WITH TIME ZONE', '2020-01-01 00:00:00.123+00', '2020-01-01T00:00:00.123Z', '2020-01-01T00:00:00.123Z'],
    ['TIMESTAMP WITH TIME ZONE', '1969-12-31 23:59:59.9991+00', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z'],
    ['TIMESTAMP', '2020-01-01 00:00:00.0005', '2020-01-01T00:00:00.000', '2020-01-01T00:00:00.001'],
    ['TIMESTAMP', '9999-12-31 23:59:59.999999', '9999-12-31T23:59:59.999', undefined],
    ['TIMESTAMP', '0001-01-01 00:00:00', '0001-01-01T00:00:00.000', '0001-01-01T00:00:00.000'],
    ['TIMESTAMP', '0044-01-01 (BC) 00:00:00', undefined, undefined],
    ['TIMESTAMP WITH TIME ZONE', 'infinity', undefined, undefined],
    ['DATE', '2020-01-01', '2020-01-01', '2020-01-01'],
    ['DATE', '0044-03-15 (BC)', undefined, undefined],
    ['DATE', '12345-01-01', undefined, undefined],
    ['DATE', 'infinity', undefined, undefined],
    ['DOUBLE', 'inf', undefined, undefined],
    ['FLOAT', '-inf', undefined, undefined],
    ['BOOLEAN', '1', undefined, undefined],
    ['BLOB', 'AA', undefined, undefined],
  ])('%s %s gives %s and %s', (type, text, min, max) => expect(bounds(type, text, text)).toEqual([min, max]));

  test('NaN takes both bounds away, the null count stays', () => {
    expect(write({ c: 'DOUBLE' }, { '"c"': { min: '1', max: '2', nullCount: 0, hasNan: true } })).toBe(
      '{"numRecords":3,"minValues":{},"maxValues":{},"nullCount":{"c":0}}',
    );
  });

  test('structs nest; lists and maps have no stats; odd names keep their spelling', () => {
    const types = {
      st: 'STRUCT("x.y" INTEGER, "q""q" STRUCT(z DATE))',
      l: 'INTEGER[]',
      m: 'MAP(VARCHAR, INTEGER)',
      __proto__x: 'INTEGER',
    };
    const one = { min: '1', max: '2', nullCount: 0 };
    const columns = {
      '"st"."x.y"': one,
      '"st"."q""q"."z"': { min: '2020-01-01', max: '2020-01-02', nullCount: 2 },
      '"l"."element"': one,
      '"m"."key"': one,
      '"__proto__x"': { nullCount: 3 },
    };
    expect(JSON.parse(write(types, columns))).toEqual({
      numRecords: 3,
      minValues: { st: { 'x.y': 1, 'q"q': { z: '2020-01-01' } } },
      maxValues: { st: { 'x.y': 2, 'q"q': { z: '2020-01-02' } } },
      nullCount: { st: { 'x.y': 0, 'q"q': { z: 2 } }, __proto__x: 3 },
    });
  });

  test('a column called __proto__ is a column', () => {
    const text = write({ ['__proto__']: 'INTEGER' }, { '"__proto__"': { min: '1', max: '2', nullCount: 0 } });
    expect(text).toBe(
      '{"numRecords":3,"minValues":{"__proto__":1},"maxValues":{"__proto__":2},"nullCount":{"__proto__":0}}',
    );
    expect(statsValue(parseStats(text)?.minValues, ['__proto__'])).toBe('1');
  });
});

describe('which columns', () => {
  const names = Array.from({ length: 40 }, (_, i) => `c${i}`);
  const types = Object.fromEntries(names.map((name) => [name, 'INTEGER']));
  const columns = Object.fromEntries(names.map((name) => [`"${name}"`, { min: '1', max: '1', nullCount: 0 }]));
  const indexed = (options?: StatsOptions) => Object.keys(JSON.parse(write(types, columns, options)).minValues);

  test('the first 32, not counting partition columns', () => {
    expect(indexed()).toEqual(names.slice(0, 32));
    expect(indexed({ partitionColumns: ['c0', 'c5'] })).toEqual(names.slice(1, 34).filter((name) => name !== 'c5'));
  });

  test.each([
    ['0', 0],
    ['3', 3],
    ['-1', 40],
    ['many', 32],
  ])('dataSkippingNumIndexedCols=%s', (value, count) => {
    expect(indexed({ configuration: { 'delta.dataSkippingNumIndexedCols': value } })).toHaveLength(count);
  });

  test('dataSkippingStatsColumns wins, in any case, with backticks, whole structs', () => {
    const odd = { a: 'INTEGER', 'b,`c': 'INTEGER', st: 'STRUCT(x INTEGER, y STRUCT(z INTEGER))', sty: 'INTEGER' };
    const one = { min: '1', max: '1', nullCount: 0 };
    const all = { '"a"': one, '"b,`c"': one, '"st"."x"': one, '"st"."y"."z"': one, '"sty"': one };
    const minValues = (list: string) =>
      JSON.parse(
        write(odd, all, {
          configuration: { 'delta.dataSkippingStatsColumns': list, 'delta.dataSkippingNumIndexedCols': '1' },
        }),
      ).minValues;
    expect(minValues('`b,``c` , ST')).toEqual({ 'b,`c': 1, st: { x: 1, y: { z: 1 } } });
    expect(minValues('st.y.z,missing')).toEqual({ st: { y: { z: 1 } } });
    expect(minValues('')).toEqual({});
  });

  test('dataSkippingStringPrefixLength', () => {
    const short = (value: string) =>
      JSON.parse(
        write(
          { c: 'VARCHAR' },
          { '"c"': { min: 'abcdef', max: 'abcdef' } },
          { configuration: { 'delta.dataSkippingStringPrefixLength': value } },
        ),
      );
    expect(short('4')).toMatchObject({ minValues: { c: 'abcd' }, maxValues: { c: 'abcd\u007f' } });
    expect(short('0')).toMatchObject({ minValues: {}, maxValues: {} });
  });
});

describe('cut strings', () => {
  const p32 = 'p'.repeat(32);
  const top = '\u{10ffff}';
  test.each([
    ['short', 'short', 'short'],
    [p32, p32, p32],
    [`${p32}a`, p32, `${p32}\u007f`],
    [`${p32}\u007f`, p32, `${p32}${top}`],
    [`${p32}é`, p32, `${p32}${top}`],
    [`${'p'.repeat(31)}\u{1f600}a`, `${'p'.repeat(31)}\u{1f600}`, `${'p'.repeat(31)}\u{1f600}\u007f`],
    [`${p32}${top}`, p32, `${p32}${top}`],
    [`${p32}${top}a`, p32, `${p32}${top}\u007f`],
    [top.repeat(17), top.repeat(16), top.repeat(17)],
    [top.repeat(70), top.repeat(16), undefined],
  ])('%j', (text, min, max) => {
    expect(truncateMin(text, 32)).toBe(min);
    expect(truncateMax(text, 32)).toBe(max);
  });
});

describe('what others wrote', () => {
  test.each([undefined, null, '', 'x', '[]', '1', 'null', '{"numRecords":'])('%j says nothing', (text) => {
    expect(parseStats(text)).toBeUndefined();
  });

  test('chdb wraps the stats once more, as an object or as text', () => {
    const inner = '{"numRecords":2,"minValues":{"a":12345678901234567890},"maxValues":{},"nullCount":{"a":0}}';
    for (const text of [`{"stats_json":${inner}}`, JSON.stringify({ stats_json: inner })]) {
      const stats = parseStats(text);
      expect(stats?.numRecords).toBe(2);
      expect(statsValue(stats?.minValues, ['a'])).toBe('12345678901234567890');
    }
  });

  test('partial and odd stats', () => {
    expect(parseStats('{}')).toMatchObject({ numRecords: undefined, tightBounds: true, minValues: undefined });
    expect(parseStats('{"numRecords":-1,"tightBounds":false,"minValues":null}')).toMatchObject({
      numRecords: undefined,
      tightBounds: false,
    });
    expect(parseStats('{"numRecords":1.5}')?.numRecords).toBeUndefined();
    const stats = parseStats('{"minValues":{"s":{"x":"1"},"b":true,"l":[1],"n":null,"d":1.5}}');
    expect(statsValue(stats?.minValues, ['s', 'x'])).toBe('1');
    expect(statsValue(stats?.minValues, ['b'])).toBe('true');
    expect(statsValue(stats?.minValues, ['d'])).toBe('1.5');
    for (const path of [['s'], ['l'], ['n'], ['missing'], ['b', 'x'], ['constructor'], ['s', 'x', 'length']])
      expect(statsValue(stats?.minValues, path)).toBeUndefined();
  });
});
