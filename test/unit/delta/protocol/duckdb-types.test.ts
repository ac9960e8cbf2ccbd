import { expect, test } from 'vitest';
import { schemaFromDuckdb } from '../../../../src/delta/protocol/duckdb-types.js';
import { duckdbType } from '../../../../src/delta/protocol/schema.js';

const typeOf = (type: string) => schemaFromDuckdb([{ name: 'c', type }]).fields[0]!.type;

test.each([
  ['BIGINT', 'BIGINT'],
  ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMP WITH TIME ZONE'],
  ['TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE'],
  ['TIMESTAMP', 'TIMESTAMP'],
  ['JSON', 'VARCHAR'],
  ["ENUM('a', 'b''c', 'd,)', '(')", 'VARCHAR'],
  ['DECIMAL(18,3)', 'DECIMAL(18,3)'],
  ['DECIMAL', 'DECIMAL(18,3)'],
  ['INTEGER[][]', 'INTEGER[][]'],
  ['INTEGER[3]', 'INTEGER[]'],
  ['STRUCT(a INTEGER, "b c" VARCHAR[])[]', 'STRUCT("a" INTEGER, "b c" VARCHAR[])[]'],
  [
    'STRUCT("a""b" INTEGER, "x,y(" TIMESTAMP WITH TIME ZONE)',
    'STRUCT("a""b" INTEGER, "x,y(" TIMESTAMP WITH TIME ZONE)',
  ],
  ["MAP(VARCHAR, STRUCT(a DECIMAL(9,3), e ENUM('x')))", 'MAP(VARCHAR, STRUCT("a" DECIMAL(9,3), "e" VARCHAR))'],
  ['MAP(STRUCT(k INTEGER), INTEGER[])[]', 'MAP(STRUCT("k" INTEGER), INTEGER[])[]'],
])('%s is stored as %s', (type, stored) => expect(duckdbType(typeOf(type))).toBe(stored));

test('all columns are nullable and keep their case', () => {
  expect(schemaFromDuckdb([{ name: 'Ab', type: 'DATE' }])).toEqual({
    fields: [{ name: 'Ab', type: { kind: 'primitive', name: 'date' }, nullable: true, metadata: {} }],
  });
});

test.each([
  ['HUGEINT', 'HUGEINT', 'DECIMAL(38,0)'],
  ['UBIGINT', 'UBIGINT', 'DECIMAL(20,0)'],
  ['UINTEGER', 'UINTEGER', 'BIGINT'],
  ['TIME', 'TIME', 'VARCHAR'],
  ['TIME WITH TIME ZONE', 'TIME WITH TIME ZONE', 'VARCHAR'],
  ['UUID', 'UUID', 'VARCHAR'],
  ['INTERVAL', 'INTERVAL', 'VARCHAR'],
  ['TIMESTAMP_NS', 'TIMESTAMP_NS', 'TIMESTAMP'],
  ['BIT', 'BIT', 'VARCHAR'],
  ['"NULL"', '"NULL"', 'CAST(NULL AS VARCHAR)'],
  ['UNION(num INTEGER)', 'UNION', 'STRUCT'],
  ['constructor', 'constructor', 'VARCHAR'],
  ['STRUCT(a INTEGER, b HUGEINT)[]', 'HUGEINT inside STRUCT', 'DECIMAL(38,0)'],
])('%s is refused with a cast to use', (type, named, hint) => {
  expect(() => typeOf(type)).toThrow(
    expect.objectContaining({
      code: 'DELTA_SCHEMA',
      message: expect.stringContaining(`column "c" has type ${named}`),
      hint: expect.stringContaining(hint),
    }),
  );
});

test.each(['STRUCT(', 'STRUCT(a)', 'MAP(VARCHAR)', 'INTEGER[', 'INTEGER)', 'DECIMAL(x,y)', 'DECIMAL(9', ''])(
  '%j is not understood',
  (type) => {
    expect(() => typeOf(type)).toThrow(expect.objectContaining({ code: 'DELTA_SCHEMA' }));
  },
);

test('names that differ only in case are refused, at every depth', () => {
  const columns = [
    { name: 'a', type: 'INTEGER' },
    { name: 'A', type: 'INTEGER' },
  ];
  expect(() => schemaFromDuckdb(columns)).toThrow('only in upper and lower case');
  expect(() => typeOf('STRUCT(x INTEGER, "X" INTEGER)')).toThrow('"c.X" differs from "x"');
});
