import { describe, expect, it } from 'vitest';
import { FIELD_ID, PHYSICAL_NAME } from '../../../../src/delta/protocol/column-mapping.js';
import { fieldIds } from '../../../../src/delta/protocol/field-ids.js';
import { forbiddenNulls } from '../../../../src/delta/protocol/nested-nulls.js';
import { renameStructs, sameFieldNames } from '../../../../src/delta/protocol/rename-structs.js';
import { type DeltaField, type DeltaType, duckdbType } from '../../../../src/delta/protocol/schema.js';
import { openSession } from '../../../support/delta.js';

const INT: DeltaType = { kind: 'primitive', name: 'integer' };
const field = (name: string, type: DeltaType, nullable = true): DeltaField => ({ name, type, nullable, metadata: {} });
const struct = (...fields: DeltaField[]): DeltaType => ({ kind: 'struct', fields });
const list = (element: DeltaType, containsNull = true): DeltaType => ({ kind: 'array', element, containsNull });
const map = (value: DeltaType, valueContainsNull = true, key: DeltaType = INT): DeltaType => ({
  kind: 'map',
  key,
  value,
  valueContainsNull,
});

describe('forbidden NULLs', () => {
  it.each([
    ['integer', INT],
    ['list that may hold NULL', list(INT)],
    ['map that may hold NULL', map(struct(field('a', INT)))],
    ['struct that may hold NULL', struct(field('a', list(struct(field('b', INT)))))],
  ])('a %s has none', (_, type) => {
    expect(forbiddenNulls('x', type)).toBeUndefined();
  });

  const strict = struct(field('a"b', INT, false), field('l', list(struct(field('c', INT, false)), false)));
  const CASES: readonly (readonly [string, DeltaType, good: readonly string[], bad: readonly string[]])[] = [
    [
      'a struct',
      strict,
      ['NULL', "{'a\"b': 1, l: NULL}", "{'a\"b': 1, l: []}", "{'a\"b': 1, l: [{c: 1}]}"],
      ["{'a\"b': NULL, l: NULL}", "{'a\"b': 1, l: [NULL]}", "{'a\"b': 1, l: [{c: 1}, {c: NULL}]}"],
    ],
    ['a list', list(list(INT, false), false), ['NULL', '[]', '[[]]', '[[1], [2]]'], ['[NULL]', '[[1], [NULL]]']],
    ['a list of lists that may be NULL', list(list(INT, false)), ['[NULL]', '[[1]]'], ['[[NULL]]']],
    [
      'a map',
      map(struct(field('v', INT, false))),
      ['NULL', 'MAP {}', 'MAP {1: NULL}', 'MAP {1: {v: 1}}'],
      ['MAP {1: {v: NULL}}'],
    ],
    ['a map of values', map(INT, false), ['MAP {1: 1}'], ['MAP {1: NULL}', 'MAP {1: 1, 2: NULL}']],
    ['keys', map(INT, true, struct(field('k', INT, false))), ['MAP {{k: 1}: 1}'], ['MAP {{k: NULL}: 1}']],
  ];

  it.each(CASES)('in %s', async (_, type, good, bad) => {
    const session = await openSession();
    const find = async (value: string) => {
      const sql = `SELECT coalesce(${forbiddenNulls('"item0"', type)}, false) AS wrong FROM (SELECT CAST(${value} AS ${duckdbType(type)}) AS "item0")`;
      return [value, (await session.rows(sql))[0]?.['wrong']];
    };
    for (const value of good) expect(await find(value)).toEqual([value, false]);
    for (const value of bad) expect(await find(value)).toEqual([value, true]);
  });
});

describe('renamed structs', () => {
  const from = struct(
    field('a', INT),
    field('b"', list(struct(field('c d', INT)))),
    field('m', map(struct(field('v', INT)), true, struct(field('k', INT)))),
  );
  const to = struct(
    field('col-1', INT),
    field('col-2', list(struct(field('col"3', INT)))),
    field('a', map(struct(field('col-5', INT)), true, struct(field("col'6", INT)))),
  );

  it('the same names need no change', () => {
    expect(renameStructs('x', from, from)).toBe('x');
    expect(sameFieldNames(from, from)).toBe(true);
    expect(sameFieldNames(from, to)).toBe(false);
    expect(renameStructs('x', list(INT), list(INT))).toBe('x');
  });

  it.each([
    ['NULL', null],
    ["{a: NULL, 'b\"': NULL, m: NULL}", { 'col-1': null, 'col-2': null, a: null }],
    ["{a: 1, 'b\"': [], m: MAP {}}", { 'col-1': 1, 'col-2': [], a: [] }],
    [
      "{a: 1, 'b\"': [NULL, {'c d': NULL}], m: MAP {{k: NULL}: NULL}}",
      { 'col-1': 1, 'col-2': [null, { 'col"3': null }], a: [{ key: { "col'6": null }, value: null }] },
    ],
    [
      "{a: 1, 'b\"': [{'c d': 2}], m: MAP {{k: 3}: {v: 4}}}",
      { 'col-1': 1, 'col-2': [{ 'col"3': 2 }], a: [{ key: { "col'6": 3 }, value: { 'col-5': 4 } }] },
    ],
  ])('%s', async (value, expected) => {
    const session = await openSession();
    const source = `SELECT CAST(${value} AS ${duckdbType(from)}) AS item0`;
    const [row] = await session.rows(`SELECT ${renameStructs('item0', from, to)} AS x FROM (${source})`);
    expect(row).toEqual({ x: expected });
    const [back] = await session.rows(
      `SELECT item0 IS NOT DISTINCT FROM ${renameStructs(renameStructs('item0', from, to), to, from)} AS same FROM (${source})`,
    );
    expect(back).toEqual({ same: true });
  });

  it('names that change places keep their values', async () => {
    const session = await openSession();
    const swapped = renameStructs(
      'x',
      struct(field('a', INT), field('b', INT)),
      struct(field('b', INT), field('a', INT)),
    );
    expect(await session.rows(`SELECT ${swapped} AS x FROM (SELECT {a: 1, b: 2} AS x)`)).toEqual([
      { x: { b: 1, a: 2 } },
    ]);
  });

  it('several rows, some NULL', async () => {
    const session = await openSession();
    const text = renameStructs('x', list(struct(field('a', INT))), list(struct(field('b', INT))));
    const rows = await session.rows(`SELECT ${text} AS x FROM (VALUES ([{a: 1}]), (NULL), ([NULL, {a: 2}])) AS v(x)`);
    expect(rows).toEqual([{ x: [{ b: 1 }] }, { x: null }, { x: [null, { b: 2 }] }]);
  });
});

describe('field ids', () => {
  const mapped = (name: string, id: number, type: DeltaType): DeltaField => ({
    ...field(name, type),
    metadata: { [FIELD_ID]: id, [PHYSICAL_NAME]: `col"${id}` },
  });

  it('stand by physical names, nested as the types are', () => {
    const fields = [
      mapped('a', 1, INT),
      mapped('l', 2, list(struct(mapped('x', 3, INT)))),
      mapped('m', 4, map(struct(mapped('v', 5, INT)), true, struct(mapped('k', 6, INT)))),
      mapped('plain', 7, list(INT)),
      field('_change_type', INT),
    ];
    expect(fieldIds(fields, 'name')).toBe(
      '{"col""1": 1, "col""2": {__duckdb_field_id: 2, element: {"col""3": 3}}, "col""4": {__duckdb_field_id: 4, key: {"col""6": 6}, value: {"col""5": 5}}, "col""7": 7}',
    );
  });
});
