import { describe, expect, it } from 'vitest';
import { sql } from '../../support/delta.js';
import { BY_ID, CHANGE_FEED, DELETION_VECTORS, expectRefused, makeWritten, TEN } from '../../support/delta-writes.js';

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
    const source = sql('SELECT 1 AS id, 2 AS odd');
    const work = made.table.mergeInto({ source, on: 'target.id = source.id', ...clauses });
    await expectRefused(made, work, { code: expect.stringMatching(/^(?:USAGE|SQL)$/) });
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
