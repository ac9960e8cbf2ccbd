import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodePath } from '../../../src/delta/protocol/paths.js';
import type { DeltaField } from '../../../src/delta/protocol/schema.js';
import { parseStats } from '../../../src/delta/protocol/stats.js';
import { columns, sql, tableIn } from '../../support/delta.js';
import {
  BY_ID,
  BY_NAME,
  CHANGE_FEED,
  changesIn,
  DELETION_VECTORS,
  makeWritten,
  TEN,
  type Written,
} from '../../support/delta-writes.js';

const MODES = [
  ['name', BY_NAME],
  ['id', BY_ID],
] as const;
const ID = 'delta.columnMapping.id';
const NAME = 'delta.columnMapping.physicalName';
const MAX = 'delta.columnMapping.maxColumnId';
const NESTED = {
  id: 'BIGINT',
  st: 'STRUCT(a INTEGER, l STRUCT(x VARCHAR, y INTEGER)[])',
  m: 'MAP(VARCHAR, STRUCT(p INTEGER, q INTEGER))',
};
const NESTED_ROW = "SELECT 1 AS id, {'a': 2, 'l': [{'x': 'v', 'y': 3}]} AS st, MAP {'k': {'p': 4, 'q': 5}} AS m";

async function mapping(made: Written) {
  const { metadata, schema } = await made.table.snapshot();
  const all = (fields: readonly DeltaField[]): DeltaField[] =>
    fields.flatMap((field) => [field, ...(field.type.kind === 'struct' ? all(field.type.fields) : [])]);
  const fields = all(schema.fields);
  return {
    max: Number(metadata.configuration[MAX]),
    ids: fields.map((f) => Number(f.metadata[ID])),
    names: fields.map((f) => String(f.metadata[NAME])),
  };
}

async function parquetColumns(made: Written) {
  const { files } = await made.table.snapshot();
  const file = join(made.folder, decodePath(files.at(-1)?.path ?? ''));
  return made.session.rows(
    'SELECT name, field_id FROM parquet_schema($file) WHERE field_id IS NOT NULL ORDER BY field_id',
    { file },
  );
}

describe.each(MODES)('column mapping by %s', (mode, configuration) => {
  it('files have the physical names and the field ids, statistics and partition values too', async () => {
    const made = await makeWritten({ configuration, partitionColumns: ['part'], rows: TEN });
    const { schema, files, protocol, metadata } = await made.table.snapshot();
    const [id, name, part] = schema.fields.map((field) => String(field.metadata[NAME]));
    expect(new Set([id, name, part]).size).toBe(3);
    expect(schema.fields.map((field) => field.metadata[ID])).toEqual([1, 2, 3]);
    expect(metadata.configuration).toMatchObject({ 'delta.columnMapping.mode': mode, [MAX]: '3' });
    expect(protocol).toEqual({ minReaderVersion: 2, minWriterVersion: 5 });
    expect(await parquetColumns(made)).toEqual([
      { name: id, field_id: 1n },
      { name, field_id: 2n },
    ]);
    expect(Object.keys(files[0]?.partitionValues ?? {})).toEqual([part]);
    expect(Object.keys((parseStats(files[0]?.stats)?.minValues ?? {}) as object)).toEqual([id, name]);
    expect(await made.table.update({ where: 'id = 2', set: { name: "'u'" } })).toMatchObject({ updated: 1 });
    expect(await parquetColumns(made)).toHaveLength(2);
  });

  it('nested fields have ids as well', async () => {
    const made = await makeWritten({ configuration, columns: NESTED, rows: NESTED_ROW });
    expect((await made.table.snapshot()).metadata.configuration[MAX]).toBe('9');
    expect((await parquetColumns(made)).map((row) => row['field_id'])).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
    expect(await made.rows('SELECT * FROM t')).toEqual([
      '[1,{"a":2,"l":[{"x":"v","y":3}]},[{"key":"k","value":{"p":4,"q":5}}]]',
    ]);
  });

  it('columns are renamed and dropped, also partition columns, without touching files', async () => {
    const made = await makeWritten({ configuration, partitionColumns: ['part'], rows: TEN });
    await made.table.renameColumn(['PART'], 'region');
    await made.table.renameColumn(['name'], 'id2');
    await made.table.dropColumn(['id']);
    await made.table.renameColumn(['id2'], 'id');
    expect((await made.table.snapshot()).partitionColumns).toEqual(['region']);
    expect(await made.rows("SELECT id, region FROM t WHERE id IN ('a1', 'a7') ORDER BY id")).toEqual([
      '["a1",0]',
      '["a7",1]',
    ]);
    expect(await made.table.append(sql("SELECT 'b' AS id, 5 AS region"))).toMatchObject({ inserted: 1 });
    expect(await made.table.delete({ where: "region = 1 AND id <> 'a7'" })).toMatchObject({ deleted: 4 });
    expect(await made.table.update({ where: "id = 'b'", set: { region: '6' } })).toMatchObject({ updated: 1 });
    expect(await made.rows('SELECT id FROM t WHERE region >= 1 ORDER BY id')).toEqual(['["a7"]', '["b"]']);
    expect(await made.orphans()).toEqual([]);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[7]']);
  });

  it('a column that is dropped and added again is another column', async () => {
    const made = await makeWritten({ configuration, rows: TEN });
    await made.table.dropColumn(['name']);
    await made.table.addColumns(columns({ name: 'VARCHAR' }).fields);
    expect(await made.rows('SELECT DISTINCT name FROM t')).toEqual(['[null]']);
    const { max, ids, names } = await mapping(made);
    expect(ids).toEqual([1, 3, 4]);
    expect(max).toBe(4);
    expect(new Set(names).size).toBe(3);
    await made.table.dropColumn(['name']);
    await made.table.append(sql('SELECT 1 AS id, true AS name'), { mergeSchema: true });
    expect(await mapping(made)).toMatchObject({ ids: [1, 3, 5], max: 5 });
    expect(await made.rows('SELECT count(*) FROM t WHERE name')).toEqual(['[1]']);
  });

  it('nested fields are renamed, dropped and added again', async () => {
    const made = await makeWritten({ configuration, columns: NESTED, rows: NESTED_ROW });
    await made.table.renameColumn(['st', 'l', 'element', 'x'], 'y2');
    await made.table.renameColumn(['m', 'value', 'p'], 'r');
    await made.table.dropColumn(['m', 'value', 'q']);
    await made.table.dropColumn(['st', 'a']);
    expect(await made.rows('SELECT * FROM t')).toEqual(['[1,{"l":[{"y2":"v","y":3}]},[{"key":"k","value":{"r":4}}]]']);
    const more = sql("SELECT 2 AS id, {'l': [{'y2': 'w', 'y': 1}], 'a': 7} AS st, MAP {'k': {'r': 1, 'q': 8}} AS m");
    await made.table.append(more, { mergeSchema: true });
    expect(await made.rows('SELECT st.a, m FROM t ORDER BY id')).toEqual([
      '[null,[{"key":"k","value":{"r":4,"q":null}}]]',
      '[7,[{"key":"k","value":{"r":1,"q":8}}]]',
    ]);
    expect((await made.table.snapshot()).metadata.configuration[MAX]).toBe('11');
    expect(await made.table.update({ set: { m: "MAP {'n': {'r': 9, 'q': 9}}" } })).toMatchObject({ updated: 2 });
    expect(await made.rows('SELECT DISTINCT m FROM t')).toEqual(['[[{"key":"n","value":{"r":9,"q":9}}]]']);
  });

  it('changes are fed with logical names', async () => {
    const made = await makeWritten({
      configuration: { ...configuration, ...CHANGE_FEED, ...DELETION_VECTORS },
      rows: TEN,
      partitionColumns: ['part'],
    });
    await made.table.update({ where: 'id = 4', set: { part: '9' } });
    expect(await changesIn(made, { from: 2 })).toEqual([
      '["update_postimage",4,"a4",9]',
      '["update_preimage",4,"a4",0]',
    ]);
  });

  it('a schema with ids of its own keeps them apart', async () => {
    const made = await makeWritten({ configuration, rows: TEN });
    const { schema } = await made.table.snapshot();
    const copied = schema.fields.slice(0, 1).map((field) => ({ ...field, name: 'copy' }));
    await made.table.addColumns(copied);
    expect(await made.rows('SELECT copy FROM t WHERE id = 3')).toEqual(['[null]']);
    expect(new Set((await mapping(made)).ids).size).toBe(4);
    const clone = tableIn(`${made.folder}/clone`, made.session);
    await clone.create({
      schema: { fields: [...schema.fields, ...columns({ more: 'BIGINT' }).fields] },
      configuration,
    });
    const ids = (await clone.snapshot()).schema.fields.map((field) => Number(field.metadata[ID]));
    expect(new Set(ids).size).toBe(4);
    expect(Number((await clone.snapshot()).metadata.configuration[MAX])).toBe(Math.max(...ids));
  });
});

describe('column mapping', () => {
  it('switched on for a table keeps its files readable', async () => {
    const made = await makeWritten({ columns: NESTED, rows: NESTED_ROW, partitionColumns: ['id'] });
    await made.table.setProperties(BY_NAME);
    const { protocol, schema } = await made.table.snapshot();
    expect(protocol).toEqual({ minReaderVersion: 2, minWriterVersion: 5 });
    expect(schema.fields.map((field) => field.metadata[NAME])).toEqual(['id', 'st', 'm']);
    await made.table.renameColumn(['st', 'a'], 'b');
    await made.table.renameColumn(['id'], 'key');
    await made.table.append(sql("SELECT 2 AS key, {'b': 8, 'l': NULL} AS st, NULL AS m"));
    expect(await made.rows('SELECT key, st.b FROM t ORDER BY key')).toEqual(['[1,2]', '[2,8]']);
    expect(await made.table.update({ set: { st: "{'b': st.b + 1, 'l': st.l}" } })).toMatchObject({ updated: 2 });
    expect(await made.rows('SELECT key, st FROM t ORDER BY key')).toEqual([
      '[1,{"b":3,"l":[{"x":"v","y":3}]}]',
      '[2,{"b":9,"l":null}]',
    ]);
    expect(await made.orphans()).toEqual([]);
  });

  it('forgets what a schema says of the mapping while the table has none', async () => {
    const mapped = await makeWritten({ configuration: BY_NAME, rows: TEN });
    const { schema } = await mapped.table.snapshot();
    const plain = tableIn(`${mapped.folder}/plain`, mapped.session);
    await plain.create({ schema });
    await plain.append(sql(TEN));
    await plain.setProperties(BY_NAME);
    expect((await plain.snapshot()).schema.fields.map((field) => field.metadata[NAME])).toEqual(['id', 'name', 'part']);
    const [row] = await mapped.session.rows(
      `SELECT count(name) AS n FROM (${await plain.scan({ slot: 'p', snapshot: await plain.snapshot(), files: (await plain.snapshot()).files })})`,
    );
    expect(row).toEqual({ n: 10n });
  });

  it.each([[{ 'delta.columnMapping.mode': 'id' }], [{ 'delta.columnMapping.mode': 'other' }], [{ [MAX]: '7' }]])(
    'cannot be set to %j by hand',
    async (properties) => {
      const made = await makeWritten({ rows: TEN });
      await expect(made.table.setProperties(properties)).rejects.toMatchObject({ code: 'USAGE' });
    },
  );

  it('is not switched off, and without it nothing is renamed or dropped', async () => {
    const made = await makeWritten({ configuration: BY_NAME });
    await expect(made.table.setProperties({ 'delta.columnMapping.mode': 'none' })).rejects.toMatchObject({
      code: 'USAGE',
    });
    await expect(made.table.unsetProperties(['delta.columnMapping.mode'])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(made.table.unsetProperties([MAX])).rejects.toMatchObject({ code: 'USAGE' });
    const plain = await makeWritten();
    await expect(plain.table.renameColumn(['id'], 'x')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(plain.table.dropColumn(['id'])).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('refuses to rename onto another name, to drop a partition column, the last column or what is not there', async () => {
    const made = await makeWritten({ configuration: BY_NAME, partitionColumns: ['part'] });
    for (const work of [
      made.table.renameColumn(['id'], 'NAME'),
      made.table.renameColumn(['nope'], 'x'),
      made.table.dropColumn(['part']),
      made.table.dropColumn(['nope']),
      made.table.addColumns(columns({ ID: 'BIGINT' }).fields),
    ]) {
      await expect(work).rejects.toMatchObject({ code: expect.stringMatching(/USAGE|DELTA_SCHEMA/) });
    }
    await made.table.dropColumn(['id']);
    await expect(made.table.dropColumn(['name'])).rejects.toMatchObject({
      code: expect.stringMatching(/USAGE|DELTA_SCHEMA/),
    });
    expect((await made.table.snapshot()).version).toBe(1);
  });

  it('renaming a column to another case of its name is possible', async () => {
    const made = await makeWritten({ configuration: BY_NAME, rows: TEN });
    await made.table.renameColumn(['id'], 'ID');
    expect((await made.table.snapshot()).schema.fields[0]?.name).toBe('ID');
  });

  it('statistics are of the columns that the table names, by their logical names', async () => {
    const made = await makeWritten({
      configuration: { ...BY_NAME, 'delta.dataSkippingStatsColumns': 'name' },
      rows: TEN,
    });
    const { files, schema } = await made.table.snapshot();
    const name = schema.fields[1]?.metadata[NAME];
    expect(parseStats(files[0]?.stats)?.minValues).toEqual({ [String(name)]: 'a0' });
  });
});
