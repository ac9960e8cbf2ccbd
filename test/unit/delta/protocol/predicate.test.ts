import { describe, expect, test } from 'vitest';
import type { AddFile } from '../../../../src/delta/protocol/actions.js';
import { schemaFromDuckdb } from '../../../../src/delta/protocol/duckdb-types.js';
import type { Literal } from '../../../../src/delta/protocol/literal.js';
import { compareUtf8 } from '../../../../src/delta/protocol/literal.js';
import {
  type Comparison,
  fileMightMatch,
  negate,
  type Predicate,
  UNKNOWN,
} from '../../../../src/delta/protocol/predicate.js';

const TYPES = {
  i: 'BIGINT',
  v: 'VARCHAR',
  d: 'DOUBLE',
  f: 'FLOAT',
  b: 'BOOLEAN',
  bin: 'BLOB',
  day: 'DATE',
  tz: 'TIMESTAMP WITH TIME ZONE',
  ts: 'TIMESTAMP',
  de: 'DECIMAL(9,3)',
  big: 'DECIMAL(38,2)',
  st: 'STRUCT(x INTEGER)',
};
const schema = schemaFromDuckdb(Object.entries(TYPES).map(([name, type]) => ({ name, type })));

const file = (stats?: object | string, partitionValues: Record<string, string | null> = {}): AddFile => ({
  path: 'f',
  partitionValues,
  size: 1,
  modificationTime: 0,
  dataChange: true,
  ...(stats === undefined ? {} : { stats: typeof stats === 'string' ? stats : JSON.stringify(stats) }),
});
const between = (column: string, min: unknown, max: unknown, nulls = 0) =>
  file({ numRecords: 10, minValues: { [column]: min }, maxValues: { [column]: max }, nullCount: { [column]: nulls } });
const matches = (predicate: Predicate, add: AddFile, partitionColumns: string[] = []) =>
  fileMightMatch(predicate, add, { schema, partitionColumns });
const is = (column: string, op: Comparison, type: Literal['type'], text: string): Predicate => ({
  op,
  column: column.split('.'),
  value: { type, text },
});
const kept = (column: string, type: Literal['type'], text: string, add: AddFile, partitionColumns: string[] = []) =>
  (['=', '!=', '<', '<=', '>', '>='] as const).filter((op) =>
    matches(is(column, op, type, text), add, partitionColumns),
  );

describe('comparisons with a range', () => {
  test.each([
    ['4', ['!=', '>', '>=']],
    ['5', ['=', '!=', '<=', '>', '>=']],
    ['7', ['=', '!=', '<', '<=', '>', '>=']],
    ['9', ['=', '!=', '<', '<=', '>=']],
    ['10', ['!=', '<', '<=']],
  ])('5..9 and %s', (value, ops) => expect(kept('i', 'number', value, between('i', 5, 9))).toEqual(ops));

  test('one value', () => expect(kept('i', 'number', '5', between('i', 5, 5))).toEqual(['=', '<=', '>=']));

  test('one bound alone is used', () => {
    expect(kept('i', 'number', '4', file({ minValues: { i: 5 } }))).toEqual(['!=', '>', '>=']);
    expect(kept('i', 'number', '6', file({ maxValues: { i: 5 } }))).toEqual(['!=', '<', '<=']);
  });

  test('longs beyond 2^53 are exact', () => {
    const add = file('{"numRecords":1,"minValues":{"i":9007199254740993},"maxValues":{"i":9007199254740993}}');
    expect(kept('i', 'number', '9007199254740992', add)).toEqual(['!=', '>', '>=']);
    expect(kept('i', 'double', '9007199254740992.0', add)).toEqual(['=', '<=', '>=']);
  });

  test('decimals of any scale and form', () => {
    const add = file('{"minValues":{"de":1.5},"maxValues":{"de":15e-1}}');
    expect(kept('de', 'number', '1.500', add)).toEqual(['=', '<=', '>=']);
    expect(kept('de', 'number', '1.5001', add)).toEqual(['!=', '<', '<=']);
    expect(kept('i', 'number', '4.5', between('i', 5, 9))).toEqual(['!=', '>', '>=']);
  });

  test('decimals that delta-rs computed in doubles are taken as inexact', () => {
    const add = file('{"minValues":{"big":12345678901234567000.0},"maxValues":{"big":12345678901234567000.0}}');
    for (const text of ['12345678901234567890.55', '12345678901234567000.01', '12345678901234566001.00'])
      expect(matches(is('big', '=', 'number', text), add)).toBe(true);
    expect(matches(is('big', '=', 'number', '12345678901234600000.00'), add)).toBe(false);
  });
});

describe('what is missing or strange keeps the file', () => {
  const all = ['=', '!=', '<', '<=', '>', '>='];
  test.each<[string, string, Literal['type'], string, AddFile]>([
    ['no stats', 'i', 'number', '5', file()],
    ['broken stats', 'i', 'number', '5', file('{')],
    ['no bounds', 'i', 'number', '5', file({ numRecords: 3 })],
    ['another column', 'i', 'number', '5', between('d', 1, 2)],
    ['bounds of another type', 'i', 'number', '5', between('i', 'x', 'y')],
    ['null bounds', 'i', 'number', '5', between('i', null, null)],
    ['a literal that is no number', 'i', 'number', 'x', between('i', 1, 2)],
    ['a literal of another type', 'i', 'string', '5', between('i', 1, 2)],
    ['NaN to compare with', 'd', 'double', 'nan', between('d', 1, 2)],
    ['NaN as bounds', 'd', 'double', '5', between('d', 'NaN', 'NaN')],
    ['binary', 'bin', 'string', 'x', between('bin', 'a', 'b')],
    [
      'an instant without a zone',
      'tz',
      'timestamp',
      '2021-01-01 00:00:00+00',
      between('tz', '2020-01-01 00:00:00', '2020-01-01 00:00:00'),
    ],
    ['infinity', 'tz', 'timestamp', 'infinity', between('tz', '2020-01-01T00:00:00.000Z', '2020-01-01T00:00:00.000Z')],
    ['a column that is not there', 'nope', 'number', '5', between('nope', 1, 2)],
    ['a struct', 'st', 'number', '5', between('st', 1, 2)],
    ['a field of no struct', 'i.x', 'number', '5', between('i', 1, 2)],
  ])('%s', (_, column, type, text, add) => expect(kept(column, type, text, add)).toEqual(all));

  test('an unknown condition', () => expect(matches(UNKNOWN, between('i', 1, 2))).toBe(true));
});

describe('timestamps', () => {
  const day = (text: string, op: Comparison = '=') => is('tz', op, 'timestamp', `${text}+00`);
  test.each([
    ['2020-01-01T00:00:00.123Z'],
    ['2020-01-01T00:00:00.123456Z'],
    ['2019-12-31T16:00:00.123-08:00'],
    ['2020-01-01 00:00:00.123+00'],
  ])('%s as maximum may be cut to milliseconds', (max) => {
    const add = between('tz', '2020-01-01T00:00:00.000Z', max);
    expect(matches(day('2020-01-01 00:00:00.123999', '>='), add)).toBe(true);
    expect(matches(day('2020-01-01 00:00:00.125', '>='), add)).toBe(false);
    expect(matches(day('2019-12-31 23:59:59.999999', '<='), add)).toBe(false);
  });

  test('wall clocks in the forms of Spark and delta-rs', () => {
    for (const text of ['2020-01-01T10:00:00.000', '2020-01-01 10:00:00', '2020-01-01 10:00:00.000000']) {
      const add = between('ts', text, text);
      expect(matches(is('ts', '>', 'timestamp_ntz', '2020-01-01 10:00:00.001'), add)).toBe(false);
      expect(matches(is('ts', '>', 'timestamp_ntz', '2020-01-01 10:00:00.000999'), add)).toBe(true);
      expect(matches(is('ts', '<', 'timestamp_ntz', '2020-01-01 10:00:00'), add)).toBe(false);
    }
  });

  test('dates, also against a wall clock', () => {
    const add = between('day', '2020-01-01', '2020-01-02');
    expect(kept('day', 'date', '2020-01-03', add)).toEqual(['!=', '<', '<=']);
    expect(kept('day', 'timestamp_ntz', '2020-01-02 00:00:01', add)).toEqual(['!=', '<', '<=']);
  });
});

describe('strings', () => {
  test('are in the order of UTF-8 bytes', () => {
    const texts = [
      '',
      'a',
      'a\u0000',
      'aZ',
      'ab',
      '\u007f',
      'é',
      '\ud7ff',
      '\ue000',
      '\ufffd',
      '\uffff',
      '\u{10000}',
      '\u{10000}a',
      '\u{1f600}',
      '\u{10ffff}',
    ];
    const byBytes = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...texts].sort(compareUtf8)).toEqual(byBytes);
    expect(compareUtf8('a', 'a')).toBe(0);
    expect(matches(is('v', '>', 'string', '\uffff'), between('v', 'a', '\u{1f600}'))).toBe(true);
    expect(matches(is('v', '<', 'string', '\uffff'), between('v', '\u{1f600}', '\u{1f600}'))).toBe(false);
  });

  test('a maximum that old Spark versions cut proves nothing', () => {
    const add = between('v', 'a', `${'b'.repeat(32)}\ufffd`);
    expect(matches(is('v', '=', 'string', 'z'), add)).toBe(true);
    expect(matches(is('v', '=', 'string', 'A'), add)).toBe(false);
  });
});

describe('floats', () => {
  test('NaN is above every maximum', () => {
    expect(kept('d', 'double', '5', between('d', 1, 2))).toEqual(['!=', '<', '<=', '>', '>=']);
    expect(kept('d', 'double', '2', between('d', 2, 2))).toEqual(['=', '!=', '<=', '>', '>=']);
    expect(kept('d', 'double', '0.5', between('d', 1, 2))).toEqual(['!=', '>', '>=']);
  });

  test('a FLOAT is compared as one, also with a DOUBLE', () => {
    const add = between('f', 0.1, 0.1);
    expect(matches(is('f', '=', 'float', '0.1'), add)).toBe(true);
    expect(matches(is('f', '=', 'double', '0.1'), add)).toBe(false);
    expect(matches(is('f', '=', 'double', '0.10000000149011612'), add)).toBe(true);
  });

  test('infinities', () => {
    expect(matches(is('d', '<', 'double', '-inf'), between('d', 1, 2))).toBe(false);
    expect(matches(is('d', '<', 'double', '1e1000'), between('d', 1, 2))).toBe(true);
    expect(matches(is('d', '<', 'double', '1'), between('d', 'Infinity', 'Infinity'))).toBe(false);
  });
});

describe('nulls', () => {
  const isNull: Predicate = { op: 'isNull', column: ['i'] };
  test.each([
    [0, true, false],
    [4, true, true],
    [10, false, true],
  ])('%d of 10', (nulls, notNull, anyNull) => {
    const add = file({ numRecords: 10, nullCount: { i: nulls } });
    expect(matches(isNull, add)).toBe(anyNull);
    expect(matches(negate(isNull), add)).toBe(notNull);
    expect(matches(is('i', '=', 'number', '1'), add)).toBe(notNull);
    expect(matches(is('i', '!=', 'number', '1'), add)).toBe(notNull);
    expect(matches({ op: 'in', column: ['i'], values: [{ type: 'number', text: '1' }] }, add)).toBe(notNull);
  });

  test('unknown counts keep both', () => {
    for (const add of [file(), file({ numRecords: 10 }), file({ nullCount: { i: 10 } })])
      expect([matches(isNull, add), matches(negate(isNull), add)]).toEqual([true, true]);
  });
});

describe('partition values', () => {
  const columns = ['i', 'v', 'day', 'tz', 'b', 'd', 'bin'];
  const add = file(undefined, {
    i: '5',
    v: 'x',
    day: '2020-01-01',
    tz: '2020-01-01 08:00:00',
    b: 'TRUE',
    d: 'NaN',
    bin: 'a',
  });
  test.each<[string, Literal['type'], string, string[]]>([
    ['i', 'number', '5', ['=', '<=', '>=']],
    ['i', 'number', '6', ['!=', '<', '<=']],
    ['v', 'string', 'y', ['!=', '<', '<=']],
    ['day', 'date', '2019-12-31', ['!=', '>', '>=']],
    ['tz', 'timestamp', '2020-01-01 08:00:00+00', ['=', '<=', '>=']],
    ['b', 'boolean', 'true', ['=', '<=', '>=']],
    ['b', 'boolean', 'false', ['!=', '>', '>=']],
    ['d', 'double', '1', ['=', '!=', '<', '<=', '>', '>=']],
    ['bin', 'string', 'b', ['=', '!=', '<', '<=', '>', '>=']],
  ])('%s and %s %s', (column, type, text, ops) => expect(kept(column, type, text, add, columns)).toEqual(ops));

  test('exact values are not widened, floats are not feared', () => {
    const exact = file(undefined, { tz: '2020-01-01T00:00:00.000000Z', d: '2.0' });
    expect(matches(is('tz', '>', 'timestamp', '2020-01-01 00:00:00+00'), exact, columns)).toBe(false);
    expect(kept('d', 'double', '5', exact, columns)).toEqual(['!=', '<', '<=']);
  });

  test('null and the empty string are NULL; a missing or unreadable value is not known', () => {
    const predicates: Predicate[] = [
      { op: 'isNull', column: ['i'] },
      { op: 'isNotNull', column: ['i'] },
      is('i', '=', 'number', '5'),
    ];
    const results = (values: Record<string, string | null>) =>
      predicates.map((p) => matches(p, file(undefined, values), ['i']));
    expect(results({ i: null })).toEqual([true, false, false]);
    expect(results({ i: '' })).toEqual([true, false, false]);
    expect(results({ i: '5' })).toEqual([false, true, true]);
    expect(results({})).toEqual([true, true, true]);
    expect(results({ i: 'x' })).toEqual([true, true, true]);
  });

  test('stats of a partition column are not looked at', () => {
    const both = file({ minValues: { i: 1 }, maxValues: { i: 2 } }, { i: '5' });
    expect(matches(is('i', '=', 'number', '5'), both, ['i'])).toBe(true);
  });
});

describe('combinations', () => {
  const low = is('i', '<', 'number', '3');
  const high = is('i', '>', 'number', '7');
  test('and, or, nested fields', () => {
    expect(matches({ op: 'and', terms: [low, high] }, between('i', 1, 9))).toBe(true);
    expect(matches({ op: 'and', terms: [low, high] }, between('i', 4, 9))).toBe(false);
    expect(matches({ op: 'or', terms: [low, high] }, between('i', 4, 6))).toBe(false);
    expect(matches({ op: 'or', terms: [low, UNKNOWN] }, between('i', 4, 6))).toBe(true);
    expect(matches({ op: 'and', terms: [low, UNKNOWN] }, between('i', 4, 6))).toBe(false);
    expect(matches({ op: 'and', terms: [] }, between('i', 4, 6))).toBe(true);
    expect(matches({ op: 'or', terms: [] }, between('i', 4, 6))).toBe(false);
    expect(matches(is('st.x', '>', 'number', '3'), file({ maxValues: { st: { x: 3 } } }))).toBe(false);
  });

  const among = (...texts: string[]): Predicate => ({
    op: 'in',
    column: ['i'],
    values: texts.map((text) => ({ type: 'number', text })),
  });
  test.each([
    [[], false],
    [['1', '9'], false],
    [['9', '5', '1'], true],
    [['4'], true],
    [['6'], true],
    [['3', '7'], false],
    [['7', 'x'], true],
  ])('4..6 in %j: %s', (texts, result) => expect(matches(among(...texts), between('i', 4, 6))).toBe(result));

  test('in, with one bound, and of mixed types', () => {
    expect(matches(among('3', '2'), file({ minValues: { i: 4 } }))).toBe(false);
    expect(matches(among('5', '2'), file({ minValues: { i: 4 } }))).toBe(true);
    expect(matches(among('7', '8'), file({ maxValues: { i: 6 } }))).toBe(false);
    expect(matches(among('7', '2'), file({ maxValues: { i: 6 } }))).toBe(true);
    const mixed: Predicate = {
      op: 'in',
      column: ['i'],
      values: [
        { type: 'number', text: '1' },
        { type: 'double', text: '2' },
      ],
    };
    expect(matches(mixed, between('i', 4, 6))).toBe(true);
  });

  test('negation turns each condition into its opposite', () => {
    const predicate: Predicate = { op: 'and', terms: [low, { op: 'or', terms: [high, UNKNOWN, among('1', '2')] }] };
    expect(negate(predicate)).toEqual({
      op: 'or',
      terms: [
        is('i', '>=', 'number', '3'),
        {
          op: 'and',
          terms: [
            is('i', '<=', 'number', '7'),
            UNKNOWN,
            { op: 'and', terms: [is('i', '!=', 'number', '1'), is('i', '!=', 'number', '2')] },
          ],
        },
      ],
    });
    for (const op of ['=', '!=', '<', '<=', '>', '>='] as const)
      expect(negate(negate(is('i', op, 'number', '1')))).toEqual(is('i', op, 'number', '1'));
  });
});
