import { describe, expect, test } from 'vitest';
import {
  type DeltaType,
  decimalShape,
  duckdbType,
  parseSchema,
  schemaLeaves,
  serializeSchema,
} from '../../../../src/delta/protocol/schema.js';

const field = (name: string, type: unknown, more: object = {}) => ({
  name,
  type,
  nullable: true,
  metadata: {},
  ...more,
});
const struct = (...fields: unknown[]) => JSON.stringify({ type: 'struct', fields });
const typeOf = (type: unknown): DeltaType => parseSchema(struct(field('c', type))).fields[0]!.type;

const NESTED = struct(
  field('a', 'integer', { nullable: false }),
  field('b', { type: 'struct', fields: [field('d', 'integer', { nullable: false }), field('we "ird', 'string')] }),
  field('c', { type: 'array', elementType: 'integer', containsNull: false }),
  field('e', {
    type: 'array',
    elementType: { type: 'struct', fields: [field('d', 'decimal(9,3)')] },
    containsNull: true,
  }),
  field('f', { type: 'map', keyType: 'string', valueType: 'timestamp', valueContainsNull: true }),
  field('id', 'long', { metadata: { comment: 'x', 'delta.identity.step': 1 } }),
);

test('a schema reads and writes back to the same text', () => {
  expect(serializeSchema(parseSchema(NESTED))).toBe(NESTED);
});

test('64-bit numbers in the metadata of a column survive', () => {
  const text = NESTED.replace('"delta.identity.step":1', '"delta.identity.highWaterMark":9223372036854775807');
  expect(serializeSchema(parseSchema(text))).toBe(text);
});

test.each([
  ['byte', 'TINYINT'],
  ['short', 'SMALLINT'],
  ['integer', 'INTEGER'],
  ['long', 'BIGINT'],
  ['float', 'FLOAT'],
  ['double', 'DOUBLE'],
  ['boolean', 'BOOLEAN'],
  ['binary', 'BLOB'],
  ['string', 'VARCHAR'],
  ['date', 'DATE'],
  ['timestamp', 'TIMESTAMP WITH TIME ZONE'],
  ['timestamp_ntz', 'TIMESTAMP'],
  ['decimal(38,18)', 'DECIMAL(38,18)'],
  ['decimal( 9 , 3 )', 'DECIMAL(9,3)'],
  ['decimal', 'DECIMAL(10,0)'],
])('%s is %s in DuckDB', (name, sql) => expect(duckdbType(typeOf(name))).toBe(sql));

test('nested types in DuckDB, with quoted names', () => {
  expect(parseSchema(NESTED).fields.map(({ type }) => duckdbType(type))).toEqual([
    'INTEGER',
    'STRUCT("d" INTEGER, "we ""ird" VARCHAR)',
    'INTEGER[]',
    'STRUCT("d" DECIMAL(9,3))[]',
    'MAP(VARCHAR, TIMESTAMP WITH TIME ZONE)',
    'BIGINT',
  ]);
});

test('leaves come in the order in which stats count them', () => {
  expect(schemaLeaves(parseSchema(NESTED).fields).map(({ path }) => path.join('.'))).toEqual([
    'a',
    'b.d',
    'b.we "ird',
    'c',
    'e',
    'f',
    'id',
  ]);
});

test('decimal shapes', () => {
  expect(decimalShape(typeOf('decimal(9,3)'))).toEqual({ precision: 9, scale: 3 });
  expect(decimalShape(typeOf('long'))).toBeUndefined();
});

describe('refused, by the name of the field and the type', () => {
  test.each([
    ['interval day', 'column "c" has type "interval day"'],
    ['geometry(OGC:CRS84)', 'column "c" has type "geometry(OGC:CRS84)"'],
    ['geography', 'column "c" has type "geography"'],
    ['interval year to month', 'column "c" has type "interval year to month"'],
    ['variant', 'column "c" has type "variant"'],
    ['constructor', 'column "c" has type "constructor"'],
    ['decimal(39,0)', 'column "c" has the impossible type "decimal(39,0)"'],
    ['decimal(5,6)', 'column "c" has the impossible type'],
    [{ type: 'variant' }, 'column "c" has type "variant"'],
    [{ type: 'array', elementType: 'variant', containsNull: true }, 'column "c.element" has type "variant"'],
    [{ type: 'map', keyType: 'string', valueType: 7 }, 'column "c.value" has no type'],
    [{ type: 'struct', fields: [field('x', 'xml')] }, 'column "c.x" has type "xml"'],
    [{ type: 'struct' }, 'column "c" is a struct without a list of fields'],
    [{ type: 'array', elementType: 'long', containsNull: 1 }, 'column "c" has a "containsNull"'],
    [null, 'column "c" has no type'],
  ])('%j', (type, message) => {
    expect(() => typeOf(type)).toThrow(
      expect.objectContaining({ code: 'DELTA_SCHEMA', message: expect.stringContaining(message) }),
    );
  });

  test.each([
    ['{', 'not JSON'],
    ['null', 'has no type'],
    ['"long"', 'is not a struct'],
    ['[]', 'has no type'],
    [struct({ type: 'long' }), 'field without a name'],
    [struct(field('a', 'long'), field('a', 'long')), '"a" is there twice'],
    [struct(field('Ab', 'long'), field('aB', 'long')), '"aB" differs from "Ab" only in upper and lower case'],
    [
      struct(field('s', { type: 'struct', fields: [field('x', 'long'), field('X', 'long')] })),
      '"s.X" differs from "x"',
    ],
    [struct(field('a', 'long', { nullable: 'yes' })), 'has a "nullable"'],
    [struct(field('a', 'long', { metadata: [] })), 'has metadata'],
  ])('%s', (text, message) => {
    expect(() => parseSchema(text)).toThrow(
      expect.objectContaining({ code: 'DELTA_SCHEMA', message: expect.stringContaining(message) }),
    );
  });
});

test('what cannot hold a value has the type of NULL: void, a struct without fields', () => {
  expect(duckdbType(typeOf('void'))).toBe('"NULL"');
  expect(duckdbType(typeOf({ type: 'struct', fields: [] }))).toBe('"NULL"');
  expect(duckdbType(typeOf({ type: 'struct', fields: [field('n', 'void'), field('x', 'long')] }))).toBe(
    'STRUCT("n" "NULL", "x" BIGINT)',
  );
});
