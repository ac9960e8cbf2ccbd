import { describe, expect, it } from 'vitest';
import { sql, tableIn } from '../../support/delta.js';
import {
  CHANGE_FEED,
  changesIn,
  DELETION_VECTORS,
  makeWritten,
  TEN,
  type Written,
} from '../../support/delta-writes.js';

const cdcFiles = async (made: Written) => (await made.lastCommit()).flatMap((a) => ('cdc' in a ? [a.cdc] : []));

describe.each([
  ['copy-on-write', {}],
  ['deletion vectors', DELETION_VECTORS],
])('the change data feed, %s', (_, configuration) => {
  const make = (partitionColumns: readonly string[] = []) =>
    makeWritten({ configuration: { ...CHANGE_FEED, ...configuration }, partitionColumns, rows: TEN });

  it('of inserts and of whole files that go needs no files of its own', async () => {
    const made = await make(['part']);
    expect(await cdcFiles(made)).toEqual([]);
    expect(await changesIn(made, { from: 1 }, 'id')).toHaveLength(10);
    await made.table.delete({ where: 'part = 1' });
    expect(await cdcFiles(made)).toEqual([]);
    expect(await changesIn(made, { from: 2 }, 'id')).toEqual([5, 6, 7, 8, 9].map((id) => `["delete",${id}]`));
    await made.table.delete({ where: 'id < 100' });
    expect(await changesIn(made, { from: 3 }, 'id')).toHaveLength(5);
    const merge = { source: sql('SELECT 50 AS id, 1 AS part'), on: 'target.id = source.id' };
    await made.table.mergeInto({ ...merge, whenNotMatched: [{ insert: '*' }] });
    expect(await cdcFiles(made)).toEqual([]);
    expect(await changesIn(made, { from: 4 })).toEqual(['["insert",50,null,1]']);
    await made.table.overwrite(sql("SELECT 51 AS id, 'o' AS name, 2 AS part"));
    expect(await changesIn(made, { from: 5 })).toEqual(['["delete",50,null,1]', '["insert",51,"o",2]']);
  });

  it.each([[[]], [['part']]])('of updates and deletes, partitioned by %j', async (partitionColumns) => {
    const made = await make(partitionColumns);
    await made.table.update({ where: 'id IN (4, 5)', set: { part: 'part + 1', name: 'NULL' } });
    expect(await changesIn(made, { from: 2 })).toEqual([
      '["update_postimage",4,null,1]',
      '["update_postimage",5,null,2]',
      '["update_preimage",4,"a4",0]',
      '["update_preimage",5,"a5",1]',
    ]);
    const [file] = await cdcFiles(made);
    expect(file).toMatchObject({ path: expect.stringMatching(/^_change_data\//), dataChange: false });
    await made.table.delete({ where: 'id IN (4, 6)' });
    expect(await changesIn(made, { from: 3 }, 'id')).toEqual(['["delete",4]', '["delete",6]']);
    await made.table.overwrite(sql("SELECT 7 AS id, 'r' AS name, 1 AS part"), { replaceWhere: 'id = 7' });
    expect(await changesIn(made, { from: 4 })).toEqual(['["delete",7,"a7",1]', '["insert",7,"r",1]']);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[8]']);
    expect(await made.orphans()).toEqual([]);
  });

  it('of a merge with all clauses adds up to the table', async () => {
    const made = await make(['part']);
    await made.table.mergeInto({
      source: sql("SELECT * FROM (VALUES (1, 'u'), (2, 'd'), (30, 'i')) AS v(id, op)"),
      on: 'target.id = source.id',
      whenMatched: [{ and: "source.op = 'd'", delete: true }, { update: { name: 'source.op' } }],
      whenNotMatched: [{ insert: { id: 'source.id', part: '1' } }],
      whenNotMatchedBySource: [
        { and: 'target.id = 9', delete: true },
        { and: 'target.id = 8', update: { part: '0' } },
      ],
    });
    expect(await changesIn(made, { from: 2 })).toEqual([
      '["delete",2,"a2",0]',
      '["delete",9,"a9",1]',
      '["insert",30,null,1]',
      '["update_postimage",1,"u",0]',
      '["update_postimage",8,"a8",0]',
      '["update_preimage",1,"a1",0]',
      '["update_preimage",8,"a8",1]',
    ]);
    expect(await made.orphans()).toEqual([]);
  });

  it('of an optimize is empty', async () => {
    const made = await make();
    await made.table.append(sql('SELECT 11 AS id'));
    await made.table.optimize();
    const { version } = await made.table.snapshot();
    expect(version).toBe(3);
    expect(await changesIn(made, { from: 3 })).toEqual([]);
  });
});

describe('names of the change data feed', () => {
  it.each(['_change_type', '_Commit_Version', '_commit_timestamp'])(
    '%s is no column of a table with a feed',
    async (name) => {
      const made = await makeWritten({ columns: { id: 'BIGINT', [name]: 'VARCHAR' } });
      await made.table.append(sql(`SELECT 1 AS id, 'x' AS ${name}`));
      await made.table.update({ set: { id: '2' } });
      await expect(made.table.setProperties(CHANGE_FEED)).rejects.toMatchObject({
        code: 'DELTA_SCHEMA',
        message: expect.stringContaining(name),
      });
      const fed = await makeWritten({ configuration: CHANGE_FEED });
      const rows = sql(`SELECT 1 AS id, 'x' AS ${name}`);
      await expect(fed.table.append(rows, { mergeSchema: true })).rejects.toMatchObject({ code: 'DELTA_SCHEMA' });
      await expect(fed.table.overwrite(rows, { overwriteSchema: true })).rejects.toMatchObject({
        code: 'DELTA_SCHEMA',
      });
      const created = tableIn(`${fed.folder}/new`, fed.session).create({
        schema: (await made.table.snapshot()).schema,
        configuration: CHANGE_FEED,
      });
      await expect(created).rejects.toMatchObject({ code: 'DELTA_SCHEMA' });
      expect(await fed.orphans()).toEqual([]);
    },
  );
});

describe('columns and tables called like those that writers use', () => {
  it.each(['_change', '_file_index', '_FILE_ROW', '_merge_clause', '_source_row', '_target_row'])(
    '%s is refused where it would be in the way',
    async (name) => {
      const made = await makeWritten({
        columns: { id: 'BIGINT', [name]: 'VARCHAR' },
        rows: `SELECT range AS id, 'x' AS ${name} FROM range(4)`,
      });
      const { table } = made;
      const source = sql(`SELECT 1::BIGINT AS id, 'y' AS ${name}`);
      const merge = { source, on: 'target.id = source.id', whenMatched: [{ update: '*' as const }] };
      const refusal = { code: 'DELTA_UNSUPPORTED', message: expect.stringContaining(name) };
      await expect(table.delete({ where: 'id = 1' })).rejects.toMatchObject(refusal);
      await expect(table.update({ set: { id: '1' } })).rejects.toMatchObject(refusal);
      await expect(table.mergeInto(merge)).rejects.toMatchObject(refusal);
      await expect(table.overwrite(source, { replaceWhere: 'id = 1' })).rejects.toMatchObject(refusal);
      const plain = await makeWritten({ rows: TEN });
      const renamed = plain.table.mergeInto({ ...merge, whenMatched: [{ update: { name: `source.${name}` } }] });
      await expect(renamed).rejects.toMatchObject(refusal);
      await table.overwrite(source);
      expect(await made.rows('SELECT * FROM t')).toEqual(['[1,"y"]']);
      expect(await made.orphans()).toEqual([]);
    },
  );

  it('other such names are as good as any', async () => {
    const names = [
      'target',
      'source',
      'a',
      'b',
      'item0',
      'file_index',
      'filename',
      'file_row_number',
      'layout',
      'e0',
      'rows',
    ];
    const made = await makeWritten({
      columns: { id: 'BIGINT', ...Object.fromEntries(names.map((name) => [name, 'STRUCT(id BIGINT)[]'])) },
      rows: `SELECT range AS id, ${names.map((name) => `[{'id': range * 10}] AS "${name}"`).join(', ')} FROM range(4)`,
      configuration: { ...CHANGE_FEED, 'delta.columnMapping.mode': 'name' },
    });
    await made.table.update({
      where: 'target.id = 1 AND source[1].id = 10',
      set: { a: 'target.b', item0: 'item0 || e0' },
    });
    const source = sql('SELECT 2 AS id, 3 AS target');
    await made.table.mergeInto({
      source,
      on: 'target.id = source.id',
      whenMatched: [{ update: { rows: "[{'id': source.target}]" } }],
    });
    await made.table.delete({ where: 'target.target[1].id = 30' });
    expect(await made.rows('SELECT id, item0, rows FROM t ORDER BY id')).toEqual([
      '[0,[{"id":0}],[{"id":0}]]',
      '[1,[{"id":10},{"id":10}],[{"id":10}]]',
      '[2,[{"id":20}],[{"id":3}]]',
    ]);
  });

  it('tables of the session keep what they hold', async () => {
    const made = await makeWritten({ rows: TEN });
    const names = ['_new_rows', '_row_changes', '_merge_source', '_delta_target', 'target', 'source'];
    for (const name of names)
      await made.session.run(`CREATE TABLE ${name} AS SELECT 3::BIGINT AS id, 'mine' AS name, 0::BIGINT AS part`);
    await made.table.append(sql('SELECT id + 100 AS id FROM _new_rows'));
    await made.table.delete({ where: 'id IN (SELECT id + 1 FROM _row_changes)' });
    const merge = {
      source: sql('SELECT * FROM _merge_source'),
      on: 'target.id = source.id',
      whenMatched: [{ update: '*' as const }],
    };
    expect(await made.table.mergeInto(merge)).toMatchObject({ updated: 1 });
    expect(await made.rows('SELECT id, name FROM t WHERE id IN (3, 4, 103) ORDER BY id')).toEqual([
      '[3,"mine"]',
      '[103,null]',
    ]);
    for (const name of names) expect(await made.session.rows(`SELECT * FROM ${name}`)).toHaveLength(1);
  });
});
