import { describe, expect, it } from 'vitest';
import { schemaFromDuckdb } from '../../../../src/delta/protocol/duckdb-types.js';
import { type DeltaField, type DeltaSchema, duckdbType } from '../../../../src/delta/protocol/schema.js';
import {
  addColumns,
  changeField,
  dropField,
  mergeSchemas,
  relaxField,
  renameField,
  widenField,
} from '../../../../src/delta/protocol/schema-evolution.js';

const schema = (spec: Readonly<Record<string, string>>): DeltaSchema =>
  schemaFromDuckdb(Object.entries(spec).map(([name, type]) => ({ name, type })));
const types = ({ fields }: DeltaSchema) => Object.fromEntries(fields.map(({ name, type }) => [name, duckdbType(type)]));
const refusal = (path: string) =>
  expect.objectContaining({ code: 'DELTA_SCHEMA', message: expect.stringContaining(`"${path}"`) });
const KEEP = { widen: false };
const WIDEN = { widen: true };

const NESTED = schema({
  id: 'INTEGER',
  st: 'STRUCT(a INTEGER, l STRUCT(x VARCHAR)[])',
  m: 'MAP(VARCHAR, STRUCT(p INTEGER))',
});

describe('mergeSchemas', () => {
  it('adds what is new at the end, nullable, at every depth', () => {
    const incoming = schema({
      NEW: 'DATE',
      M: 'MAP(VARCHAR, STRUCT(q DOUBLE))',
      st: 'STRUCT(l STRUCT(y DATE, X VARCHAR)[], b INTEGER)',
    });
    const required = { fields: incoming.fields.map((field) => ({ ...field, nullable: false })) };
    const merged = mergeSchemas(NESTED, required, KEEP);
    expect(types(merged)).toEqual({
      id: 'INTEGER',
      st: 'STRUCT("a" INTEGER, "l" STRUCT("x" VARCHAR, "y" DATE)[], "b" INTEGER)',
      m: 'MAP(VARCHAR, STRUCT("p" INTEGER, "q" DOUBLE))',
      NEW: 'DATE',
    });
    expect(merged.fields.at(-1)?.nullable).toBe(true);
  });

  it('keeps types, nullability and metadata of what is known', () => {
    const table: DeltaSchema = {
      fields: [
        { name: 'a', type: { kind: 'primitive', name: 'integer' }, nullable: false, metadata: { comment: 'c' } },
      ],
    };
    expect(mergeSchemas(table, schema({ A: 'BIGINT' }), KEEP)).toEqual(table);
    expect(mergeSchemas(table, { fields: [] }, WIDEN)).toEqual(table);
  });

  it('widens where that is allowed, and says where', () => {
    const merged = mergeSchemas(
      schema({ a: 'INTEGER', b: 'BIGINT', l: 'SMALLINT[][]', m: 'MAP(TINYINT, STRUCT(p INTEGER))', s: 'VARCHAR' }),
      schema({ a: 'BIGINT', b: 'INTEGER', l: 'INTEGER[][]', m: 'MAP(SMALLINT, STRUCT(p BIGINT))', s: 'INTEGER' }),
      WIDEN,
    );
    expect(types(merged)).toEqual({
      a: 'BIGINT',
      b: 'BIGINT',
      l: 'INTEGER[][]',
      m: 'MAP(SMALLINT, STRUCT("p" BIGINT))',
      s: 'VARCHAR',
    });
    const [a, b, l, m] = merged.fields.map(({ metadata }) => metadata['delta.typeChanges']);
    expect([a, b, l, m]).toEqual([
      [{ fromType: 'integer', toType: 'long' }],
      undefined,
      [{ fromType: 'short', toType: 'integer', fieldPath: 'element.element' }],
      [{ fromType: 'byte', toType: 'short', fieldPath: 'key' }],
    ]);
    const value = merged.fields[3]?.type.kind === 'map' ? merged.fields[3].type.value : undefined;
    const inner = value?.kind === 'struct' ? value.fields[0] : undefined;
    expect(inner?.metadata['delta.typeChanges']).toEqual([{ fromType: 'integer', toType: 'long' }]);
  });

  it.each([
    ['id', 'INTEGER[]'],
    ['st', 'INTEGER'],
    ['m', 'STRUCT(p INTEGER)'],
  ])('refuses "%s" as %s', (name, type) => {
    expect(() => mergeSchemas(NESTED, schema({ [name]: type }), WIDEN)).toThrow(refusal(name));
  });
});

describe('single changes', () => {
  it('lead to fields through structs, lists and maps, in any case', () => {
    expect(types(renameField(NESTED, ['ST', 'L', 'element', 'X'], 'z'))['st']).toBe(
      'STRUCT("a" INTEGER, "l" STRUCT("z" VARCHAR)[])',
    );
    expect(types(renameField(NESTED, ['m', 'value', 'p'], 'P'))['m']).toBe('MAP(VARCHAR, STRUCT("P" INTEGER))');
    expect(types(dropField(NESTED, ['st', 'a']))['st']).toBe('STRUCT("l" STRUCT("x" VARCHAR)[])');
    const long = { kind: 'primitive', name: 'long' } as const;
    expect(types(widenField(NESTED, ['m', 'value', 'p'], long))['m']).toBe('MAP(VARCHAR, STRUCT("p" BIGINT))');
    const relaxed = relaxField({ fields: [{ ...(NESTED.fields[0] as DeltaField), nullable: false }] }, ['ID']);
    expect(relaxed.fields[0]?.nullable).toBe(true);
  });

  it.each([[['nope']], [['id', 'x']], [['st', 'nope']], [['st', 'l', 'x']], [['m', 'p']], [['m', 'value', 'q']]])(
    '%j is not there',
    (path) => {
      expect(() => renameField(NESTED, path, 'z')).toThrow(refusal(path.join('.')));
      expect(() => dropField(NESTED, path)).toThrow(refusal(path.join('.')));
      expect(() => relaxField(NESTED, path)).toThrow(refusal(path.join('.')));
      expect(() => changeField(NESTED, [], (fields) => fields)).toThrow(
        expect.objectContaining({ code: 'DELTA_SCHEMA' }),
      );
    },
  );

  it('refuse names that are taken, the last field, required columns and types that do not grow', () => {
    expect(() => renameField(NESTED, ['id'], 'ST')).toThrow(refusal('ST'));
    expect(() => dropField(NESTED, ['m', 'value', 'p'])).toThrow(refusal('m.value.p'));
    expect(() => addColumns(NESTED, schema({ ID: 'DATE' }).fields)).toThrow(refusal('ID'));
    expect(() => addColumns(NESTED, [{ ...(schema({ z: 'DATE' }).fields[0] as DeltaField), nullable: false }])).toThrow(
      refusal('z'),
    );
    expect(() => widenField(NESTED, ['id'], { kind: 'primitive', name: 'short' })).toThrow(refusal('id'));
    expect(() => widenField(NESTED, ['id'], { kind: 'primitive', name: 'string' })).toThrow(refusal('id'));
  });

  it('to the same type change nothing', () => {
    expect(widenField(NESTED, ['id'], { kind: 'primitive', name: 'integer' })).toEqual(NESTED);
  });
});
