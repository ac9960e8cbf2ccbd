import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { sql } from '../../support/delta.js';
import { BY_ID, CHANGE_FEED, DELETION_VECTORS, makeWritten, TEN, type Written } from '../../support/delta-writes.js';

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

async function refused(made: Written, work: Promise<unknown>) {
  const error = await work.catch((e) => e);
  expect(error).toBeInstanceOf(LakeError);
  expect(error).toMatchObject({ code: expect.stringMatching(/^(?:USAGE|SQL|DELTA_SCHEMA)$/) });
  expect(await made.orphans()).toEqual([]);
  expect((await made.table.snapshot()).version).toBe(1);
  expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[10]']);
}

describe('an expression', () => {
  it.each(INJECTIONS)('%j is refused wherever it stands', async (text) => {
    const made = await makeWritten({ rows: TEN });
    await made.session.run('CREATE TABLE keep AS SELECT 1 AS id');
    const { table } = made;
    const source = sql('SELECT 1::BIGINT AS id');
    await refused(made, table.delete({ where: text }));
    await refused(made, table.update({ where: text, set: { name: "'x'" } }));
    await refused(made, table.update({ set: { name: text } }));
    await refused(made, table.overwrite(sql(TEN), { replaceWhere: text }));
    await refused(made, table.mergeInto({ source, on: text, whenMatched: [{ delete: true }] }));
    await refused(
      made,
      table.mergeInto({ source, on: 'target.id = source.id', whenMatched: [{ and: text, delete: true }] }),
    );
    await refused(
      made,
      table.mergeInto({ source, on: 'target.id = source.id', whenMatched: [{ update: { name: text } }] }),
    );
    expect(await made.session.rows('SELECT * FROM keep')).toHaveLength(1);
  });

  it.each([
    'id',
    "'yes'",
    '1',
    'id + 1',
    'name',
    'nope = 1',
    '_file_row = 0',
    'target._file_index = 0',
    '_change IS NULL',
  ])('%s is no condition of a row', async (where) => {
    const made = await makeWritten({ rows: TEN });
    await refused(made, made.table.delete({ where }));
    await refused(made, made.table.update({ where, set: { name: "'x'" } }));
    await refused(made, made.table.overwrite(sql(TEN), { replaceWhere: where }));
    const source = sql('SELECT 1::BIGINT AS x');
    await refused(made, made.table.mergeInto({ source, on: where, whenMatched: [{ delete: true }] }));
    const on = 'target.id = source.x';
    await refused(made, made.table.mergeInto({ source, on, whenMatched: [{ and: where, delete: true }] }));
    await refused(made, made.table.mergeInto({ source, on, whenNotMatchedBySource: [{ and: where, delete: true }] }));
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

const MERGE_MODES = [[{}], [DELETION_VECTORS], [{ ...BY_ID, ...DELETION_VECTORS, ...CHANGE_FEED }]] as const;

describe.each(MERGE_MODES)('mergeInto, %j', (configuration) => {
  it('takes all kinds of clauses, several of a kind, in their order', async () => {
    const made = await makeWritten({ rows: TEN, partitionColumns: ['part'], configuration });
    await made.session.run(
      "CREATE TABLE s AS SELECT * FROM (VALUES (1, 'd', 0), (2, 'u', 0), (3, 'v', 9), (4, NULL, 4), (20, 'i', 2), (21, 'j', 3), (22, 'no', 3), (NULL, 'n', 7)) AS v(k, op, p)",
    );
    const result = await made.table.mergeInto({
      source: sql('SELECT * FROM s'),
      on: 't.id = s.k',
      targetAlias: 't',
      sourceAlias: 's',
      whenMatched: [
        { and: "s.op = 'd'", delete: true },
        { and: "s.op = 'u'", update: { name: 't.name || s.op || $x' } },
        { and: 's.op IS NOT NULL', update: { PART: 's.p' } },
      ],
      whenNotMatched: [
        { and: "s.op = 'i'", insert: { id: 's.k', name: '$x' } },
        { and: "s.op <> 'no'", insert: { id: 's.k', part: 's.p' } },
      ],
      whenNotMatchedBySource: [
        { and: 't.id = 9', delete: true },
        { and: 't.id > 7', update: { name: "'late'", part: 't.part + 1' } },
      ],
      params: { x: '!', unused: 1 },
    });
    expect(result).toEqual({ inserted: 3, updated: 3, deleted: 2, version: 2, committed: true });
    expect(await made.rows('SELECT * FROM t ORDER BY id')).toEqual([
      '[0,"a0",0]',
      '[2,"a2u!",0]',
      '[3,"a3",9]',
      '[4,"a4",0]',
      '[5,"a5",1]',
      '[6,"a6",1]',
      '[7,"a7",1]',
      '[8,"late",2]',
      '[20,"!",null]',
      '[21,null,3]',
      '[null,null,7]',
    ]);
    expect(await made.orphans()).toEqual([]);
  });

  it('refuses several partners of one row, unless all only delete', async () => {
    const made = await makeWritten({ rows: TEN, configuration });
    const source = sql('SELECT * FROM (VALUES (1), (1), (2)) AS v(id)');
    const on = 'target.id = source.id';
    const update = made.table.mergeInto({ source, on, whenMatched: [{ update: { name: "'x'" } }] });
    await expect(update).rejects.toMatchObject({ code: 'DELTA_MERGE_AMBIGUOUS', exitCode: 1 });
    expect(await made.orphans()).toEqual([]);
    expect(await made.table.mergeInto({ source, on, whenMatched: [{ delete: true }] })).toMatchObject({
      deleted: 2,
      version: 2,
    });
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[8]']);
    const twins = await made.table.mergeInto({ source, on, whenNotMatched: [{ insert: '*' }] });
    expect(twins).toMatchObject({ inserted: 3 });
  });

  it('an empty source, and a source that matches nothing', async () => {
    const made = await makeWritten({ rows: TEN, configuration });
    const on = 'target.id = source.id';
    const empty = sql('SELECT 1::BIGINT AS id WHERE false');
    const all = { whenMatched: [{ delete: true as const }], whenNotMatched: [{ insert: '*' as const }] };
    expect(await made.table.mergeInto({ source: empty, on, ...all })).toMatchObject({ committed: false, version: 1 });
    const none = await made.table.mergeInto({ source: sql('SELECT 77 AS id'), on, whenMatched: [{ delete: true }] });
    expect(none).toMatchObject({ committed: false, version: 1 });
    const swept = await made.table.mergeInto({ source: empty, on, whenNotMatchedBySource: [{ delete: true }] });
    expect(swept).toMatchObject({ deleted: 10, committed: true });
    expect((await made.table.snapshot()).files).toEqual([]);
    expect(await made.orphans()).toEqual([]);
  });
});

describe('mergeInto', () => {
  it('matches keys of another type by their value, and NULL keys by IS NOT DISTINCT FROM', async () => {
    const made = await makeWritten({ rows: `${TEN} UNION ALL SELECT NULL, 'null', 9` });
    const text = await made.table.mergeInto({
      source: sql("SELECT '3' AS id, 7::TINYINT AS n"),
      on: 'target.id = source.id::BIGINT OR target.id = source.n',
      whenMatched: [{ update: { name: "'hit'" } }],
    });
    expect(text).toMatchObject({ updated: 2 });
    const small = await made.table.mergeInto({
      source: sql('SELECT 4::TINYINT AS id'),
      on: 'source.id = target.id',
      whenMatched: [{ delete: true }],
    });
    expect(small).toMatchObject({ deleted: 1 });
    const nulls = await made.table.mergeInto({
      source: sql('SELECT NULL::BIGINT AS id'),
      on: 'target.id IS NOT DISTINCT FROM source.id',
      whenMatched: [{ update: { name: "'found'" } }],
    });
    expect(nulls).toMatchObject({ updated: 1 });
  });

  it('on a constant condition and on a range', async () => {
    const made = await makeWritten({ rows: TEN });
    const range = await made.table.mergeInto({
      source: sql('SELECT 3 AS low, 5 AS high'),
      on: 'target.id BETWEEN source.low AND source.high',
      whenMatched: [{ delete: true }],
    });
    expect(range).toMatchObject({ deleted: 3 });
    const never = await made.table.mergeInto({
      source: sql('SELECT 50 AS id'),
      on: 'false',
      whenMatched: [{ delete: true }],
      whenNotMatched: [{ insert: '*' }],
    });
    expect(never).toMatchObject({ inserted: 1, deleted: 0 });
  });

  it('more than a thousand keys, of several types', async () => {
    const made = await makeWritten({
      columns: { k: 'VARCHAR', d: 'DATE', n: 'DECIMAL(10,2)' },
      rows: "SELECT 'k' || i AS k, DATE '2020-01-01' + i::INT AS d, i / 4 AS n FROM range(3000) r(i)",
    });
    for (const on of ['target.k = source.k', 'target.d = source.d', 'target.n = source.n']) {
      const merged = await made.table.mergeInto({
        source: sql(
          "SELECT 'k' || i AS k, DATE '2020-01-01' + i::INT AS d, (i / 4)::DECIMAL(10,2) AS n FROM range(500, 2000) r(i)",
        ),
        on,
        whenMatched: [{ update: { k: 'target.k' } }],
      });
      expect(merged).toMatchObject({ updated: 1500 });
    }
  });

  it('its source may read the table itself, and is read once', async () => {
    const made = await makeWritten({ rows: TEN });
    const own = await made.table.scan({
      slot: 'own',
      snapshot: await made.table.snapshot(),
      files: (await made.table.snapshot()).files,
    });
    const merged = await made.table.mergeInto({
      source: sql(`SELECT id + 5 AS id, name, part FROM (${own})`),
      on: 'target.id = source.id',
      whenMatched: [{ update: '*' }],
      whenNotMatched: [{ insert: '*' }],
    });
    expect(merged).toMatchObject({ updated: 5, inserted: 5 });
    expect(await made.rows('SELECT id, name FROM t WHERE id IN (5, 14) ORDER BY id')).toEqual([
      '[5,"a0"]',
      '[14,"a9"]',
    ]);
  });

  it.each([
    ['no clause', {}],
    ['an unknown column', { whenMatched: [{ update: { nope: '1' } }] }],
    ['a column twice', { whenMatched: [{ update: { name: "'a'", NAME: "'b'" } }] }],
    ['a source column that the table does not have', { whenMatched: [{ update: '*' as const }] }],
    ['a source column in a clause without a source', { whenNotMatchedBySource: [{ update: { name: 'source.nope' } }] }],
    ['an update of nothing', { whenMatched: [{ update: {} }] }],
    ['equal aliases', { whenMatched: [{ delete: true as const }], sourceAlias: 'target' }],
  ])('refuses %s', async (_, clauses) => {
    const made = await makeWritten({ rows: TEN });
    await refused(
      made,
      made.table.mergeInto({ source: sql('SELECT 1 AS id, 2 AS odd'), on: 'target.id = source.id', ...clauses }),
    );
  });

  it('refuses a struct in the source with a field that the table has no place for', async () => {
    const made = await makeWritten({
      columns: { id: 'BIGINT', st: 'STRUCT(a INTEGER)' },
      rows: "SELECT 1 AS id, {'a': 1} AS st",
    });
    const source = sql("SELECT 1 AS id, {'a': 2, 'b': 3} AS st");
    const merge = made.table.mergeInto({ source, on: 'target.id = source.id', whenMatched: [{ update: '*' }] });
    await expect(merge).rejects.toMatchObject({ code: 'DELTA_SCHEMA', message: expect.stringContaining('st.b') });
    expect(await made.orphans()).toEqual([]);
  });

  it('aliases and columns may have any name', async () => {
    const made = await makeWritten({
      columns: { 'a "b".c': 'BIGINT', 'sé lect': 'VARCHAR' },
      rows: `SELECT 1 AS "a ""b"".c", 'x' AS "sé lect"`,
    });
    await made.table.mergeInto({
      source: sql(`SELECT 1 AS "a ""b"".c", 'y' AS "sé lect" UNION ALL SELECT 2, 'z'`),
      on: '"my target"."a ""b"".c" = "s""rc"."a ""b"".c"',
      targetAlias: 'my target',
      sourceAlias: 's"rc',
      whenMatched: [{ update: '*' }],
      whenNotMatched: [{ insert: '*' }],
    });
    expect(await made.rows('SELECT * FROM t ORDER BY 1')).toEqual(['[1,"y"]', '[2,"z"]']);
  });
});
