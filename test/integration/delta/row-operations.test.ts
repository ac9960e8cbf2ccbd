import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { sql } from '../../support/delta.js';
import {
  BY_ID,
  CHANGE_FEED,
  DELETION_VECTORS,
  expectRefused,
  makeWritten,
  TEN,
  type Written,
} from '../../support/delta-writes.js';

const INJECTIONS = [
  '1) OR (1=1',
  'id = 1; DROP TABLE keep',
  'id = 1 FROM keep',
  'id = 1 LIMIT 1',
  'id, name',
  'id = 1 UNION SELECT 2',
  'true WHERE 1 = 1',
  'id = 1 /* open',
  '',
  '  ',
  '-- nothing',
  'id = 1 AS x',
  '*',
  'count(*) > 0',
  'row_number() OVER () = 1',
];

const NO_CONDITIONS = [
  'id',
  "'yes'",
  '1',
  'id + 1',
  'name',
  'nope = 1',
  '_file_row = 0',
  'target._file_index = 0',
  '_change IS NULL',
];

const REFUSAL = { code: expect.stringMatching(/^(?:USAGE|SQL|DELTA_SCHEMA)$/) };

async function refused(made: Written, work: Promise<unknown>) {
  await expectRefused(made, work, REFUSAL);
}

describe('an expression', () => {
  it('that is more or less than one is refused wherever it stands', async () => {
    const made = await makeWritten({ rows: TEN });
    await made.session.run('CREATE TABLE keep AS SELECT 1 AS id');
    const { table } = made;
    const merge = { source: sql('SELECT 1::BIGINT AS id'), on: 'target.id = source.id' };
    for (const text of INJECTIONS) {
      await refused(made, table.delete({ where: text }));
      await refused(made, table.update({ where: text, set: { name: "'x'" } }));
      await refused(made, table.update({ set: { name: text } }));
      await refused(made, table.overwrite(sql(TEN), { replaceWhere: text }));
      await refused(made, table.mergeInto({ ...merge, on: text, whenMatched: [{ delete: true }] }));
      await refused(made, table.mergeInto({ ...merge, whenMatched: [{ and: text, delete: true }] }));
      await refused(made, table.mergeInto({ ...merge, whenMatched: [{ update: { name: text } }] }));
    }
    expect(await made.session.rows('SELECT * FROM keep')).toHaveLength(1);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[10]']);
  });

  it('that is neither true nor false, or of columns that are not there, is no condition', async () => {
    const made = await makeWritten({ rows: TEN });
    const { table } = made;
    const merge = { source: sql('SELECT 1::BIGINT AS x'), on: 'target.id = source.x' };
    for (const where of NO_CONDITIONS) {
      await refused(made, table.delete({ where }));
      await refused(made, table.update({ where, set: { name: "'x'" } }));
      await refused(made, table.overwrite(sql(TEN), { replaceWhere: where }));
      await refused(made, table.mergeInto({ ...merge, on: where, whenMatched: [{ delete: true }] }));
      await refused(made, table.mergeInto({ ...merge, whenMatched: [{ and: where, delete: true }] }));
      await refused(made, table.mergeInto({ ...merge, whenNotMatchedBySource: [{ and: where, delete: true }] }));
    }
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[10]']);
  });

  it('may end with a comment, hold quotes, dollars and line breaks', async () => {
    const made = await makeWritten({ rows: TEN });
    const params = { a: "it's", b: 3 };
    expect(
      await made.table.update({ where: 'id = $b\n-- $a', set: { name: "$a || '$b' || $$ $a $$ -- x" }, params }),
    ).toMatchObject({
      updated: 1,
    });
    expect(await made.rows('SELECT name FROM t WHERE id = 3')).toEqual([`["it's$b $a "]`]);
  });

  it('says which parameter is missing', async () => {
    const made = await makeWritten({ rows: TEN });
    await expect(made.table.delete({ where: 'id = $missing' })).rejects.toMatchObject({
      message: expect.stringContaining('missing'),
    });
  });

  it('may be a long list of values', async () => {
    const made = await makeWritten({ rows: 'SELECT range AS id FROM range(20000)' });
    const ids = Array.from({ length: 9000 }, (_, i) => i * 2).join(', ');
    expect(await made.table.delete({ where: `id IN (${ids})` })).toMatchObject({ deleted: 9000 });
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[11000]']);
  });

  it('may look into other tables of the session', async () => {
    const made = await makeWritten({ rows: TEN });
    await made.session.run('CREATE TABLE gone AS SELECT 2 AS id UNION ALL SELECT 3');
    expect(await made.table.delete({ where: 'id IN (SELECT id FROM gone)' })).toMatchObject({ deleted: 2 });
  });
});

describe('update', () => {
  it.each([
    ['no column', {}],
    ['an unknown column', { nope: '1' }],
    ['a column twice', { name: "'a'", NAME: "'b'" }],
    ['an unknown column in an expression', { name: 'nope' }],
    ['a value that does not fit', { id: "'x'" }],
    ['a value that is too large', { id: '10000000000000000000' }],
  ])('refuses %s', async (_, set) => {
    const made = await makeWritten({ rows: TEN });
    await refused(made, made.table.update({ set: set as Record<string, string> }));
  });

  it('of no row makes no version', async () => {
    const made = await makeWritten({ rows: TEN });
    const nothing = { inserted: 0, updated: 0, deleted: 0, committed: false, version: 1 };
    expect(await made.table.update({ where: 'id > 100', set: { name: "'x'" } })).toEqual(nothing);
    expect(await made.table.update({ where: 'NULL', set: { name: "'x'" } })).toEqual(nothing);
    expect(await made.table.delete({ where: 'id IS NULL' })).toEqual(nothing);
    expect(await made.orphans()).toEqual([]);
  });

  it('on an empty table makes no version', async () => {
    const made = await makeWritten();
    const nothing = { committed: false, version: 0, updated: 0, deleted: 0 };
    expect(await made.table.update({ set: { name: "'x'" } })).toMatchObject(nothing);
    expect(await made.table.delete()).toMatchObject(nothing);
    expect(await made.table.delete({ where: 'id = 1' })).toMatchObject(nothing);
    await expect(made.table.delete({ where: 'nope = 1' })).rejects.toBeInstanceOf(LakeError);
  });

  it.each([[{}], [DELETION_VECTORS], [{ ...BY_ID, ...CHANGE_FEED }]])(
    'moves rows to other partitions, %j',
    async (configuration) => {
      const made = await makeWritten({ rows: TEN, partitionColumns: ['part'], configuration });
      expect(
        await made.table.update({ where: 'id < 3', set: { part: 'CASE id WHEN 0 THEN NULL ELSE id + 6 END' } }),
      ).toMatchObject({
        updated: 3,
      });
      expect(await made.rows('SELECT id, part FROM t WHERE id < 4 ORDER BY id')).toEqual([
        '[0,null]',
        '[1,7]',
        '[2,8]',
        '[3,0]',
      ]);
      expect(await made.rows('SELECT id FROM t WHERE part = 8')).toEqual(['[2]']);
      expect(await made.rows('SELECT id FROM t WHERE part IS NULL')).toEqual(['[0]']);
      expect(await made.orphans()).toEqual([]);
    },
  );

  it.each([[{}], [DELETION_VECTORS]])('keeps values of every type, %j', async (configuration) => {
    const value = `1::TINYINT AS i8, 2::SMALLINT AS i16, 3::INTEGER AS i32, 9223372036854775807 AS i64, 1.5::FLOAT AS f, 'nan'::DOUBLE AS d,
      12345678901234567890123456789012345678::DECIMAL(38,0) AS big, -0.001::DECIMAL(3,3) AS small, true AS b, '\\x00\\xFF'::BLOB AS bin,
      DATE '0001-01-01' AS day, TIMESTAMPTZ '2026-03-29 01:30:00.123456+00' AS ts, TIMESTAMP '9999-12-31 23:59:59.999999' AS ntz,
      [1, NULL, 3] AS l, {'a': NULL::INT, 'b': ['x']} AS st, MAP {'k': [{'p': 1}]} AS m, '' AS empty`;
    const made = await makeWritten({
      columns: {
        id: 'BIGINT',
        i8: 'TINYINT',
        i16: 'SMALLINT',
        i32: 'INTEGER',
        i64: 'BIGINT',
        f: 'FLOAT',
        d: 'DOUBLE',
        big: 'DECIMAL(38,0)',
        small: 'DECIMAL(3,3)',
        b: 'BOOLEAN',
        bin: 'BLOB',
        day: 'DATE',
        ts: 'TIMESTAMP WITH TIME ZONE',
        ntz: 'TIMESTAMP',
        l: 'INTEGER[]',
        st: 'STRUCT(a INTEGER, b VARCHAR[])',
        m: 'MAP(VARCHAR, STRUCT(p INTEGER)[])',
        empty: 'VARCHAR',
      },
      rows: `SELECT range AS id, ${value} FROM range(4) UNION ALL BY NAME SELECT 4 AS id`,
      configuration,
    });
    const shown = 'SELECT * EXCLUDE (id) FROM t ORDER BY id';
    const before = await made.rows(shown);
    await made.table.update({ where: 'id = 1', set: { id: 'id' } });
    expect(await made.rows(shown)).toEqual(before);
    await made.session.run(`CREATE TABLE src AS SELECT 2 AS id, ${value}`);
    await made.table.mergeInto({
      source: sql('SELECT * FROM src'),
      on: 'target.id = source.id',
      whenMatched: [{ update: '*' }],
    });
    expect(await made.rows(shown)).toEqual(before);
    const set = { st: 'NULL', ts: 'ts + INTERVAL 1 DAY', bin: "bin || 'a'::BLOB", l: 'list_append(l, 4)' };
    await made.table.update({ where: 'id = 3', set });
    expect(await made.rows('SELECT st, ts, bin::VARCHAR, l FROM t WHERE id = 3')).toEqual([
      '[null,"2026-03-30T01:30:00.123456Z","\\\\x00\\\\xFFa",[1,null,3,4]]',
    ]);
    expect(await made.orphans()).toEqual([]);
  });

  it('gives each row one value of an expression that differs each time', async () => {
    const made = await makeWritten({ rows: TEN, configuration: CHANGE_FEED });
    await made.table.update({ set: { name: 'uuid()::VARCHAR' } });
    expect(await made.rows('SELECT count(DISTINCT name) FROM t')).toEqual(['[10]']);
    const deleted = await made.table.delete({ where: 'random() < 0.5' });
    expect(await made.rows('SELECT count(*) FROM t')).toEqual([`[${10 - deleted.deleted}]`]);
  });
});
