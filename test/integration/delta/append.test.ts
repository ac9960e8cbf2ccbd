import { describe, expect, it, test } from 'vitest';
import { sql, tableIn } from '../../support/delta.js';
import { BY_ID, BY_NAME, DELETION_VECTORS, makeWritten, TEN } from '../../support/delta-writes.js';

const NO_FILES = { inserted: 0, updated: 0, deleted: 0, committed: false };

describe('append', () => {
  it('finds columns by name, whatever their order and case, and gives the missing ones NULL', async () => {
    const made = await makeWritten();
    await made.table.append(sql("SELECT 'x' AS NAME, 1 AS Id"));
    expect(await made.rows('SELECT id, name, part FROM t')).toEqual(['[1,"x",null]']);
  });

  it.each([
    ['a column that the table does not have', 'SELECT 1 AS id, 2 AS other', 'DELTA_SCHEMA', '"other"'],
    ['a fraction for a whole number', 'SELECT 1.5 AS id', 'DELTA_SCHEMA', 'digits would be lost'],
    ['a double for a whole number', 'SELECT 1.5::DOUBLE AS id', 'DELTA_SCHEMA', 'digits would be lost'],
    ['text that is no number', "SELECT 'abc' AS id", 'SQL', 'abc'],
    ['a number that is too large', 'SELECT 10000000000000000000::HUGEINT AS id', 'SQL', '10000000000000000000'],
    [
      'text that is no number in some later row',
      "SELECT CASE WHEN i = 150000 THEN 'z' ELSE '1' END AS id FROM range(200000) r(i)",
      'SQL',
      'z',
    ],
    ['columns that differ only in case', 'SELECT 1 AS id, 2 AS "ID"', 'DELTA_SCHEMA', ''],
    ['a statement that is none', 'SELEC 1', 'SQL', ''],
  ])('refuses %s and leaves no file', async (_, rows, code, message) => {
    const made = await makeWritten({ partitionColumns: ['part'], rows: TEN });
    await expect(made.table.append(sql(rows))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(await made.orphans()).toEqual([]);
    expect((await made.table.snapshot()).version).toBe(1);
    expect(await made.table.append(sql('SELECT 77 AS id'))).toMatchObject({ inserted: 1, version: 2 });
  });

  it('leaves no file when a value in a partitioned write fails', async () => {
    const made = await makeWritten({ partitionColumns: ['part'] });
    const rows = "SELECT CASE WHEN i = 150000 THEN 'z' ELSE '1' END AS id, i % 3 AS part FROM range(200000) r(i)";
    await expect(made.table.append(sql(rows))).rejects.toMatchObject({ code: 'SQL' });
    expect(await made.orphans()).toEqual([]);
  });

  it.each([[3], [100]])('leaves no file when one of %i partition values cannot be written', async (count) => {
    const made = await makeWritten({ columns: { id: 'BIGINT', day: 'DATE' }, partitionColumns: ['day'] });
    const days = `CASE WHEN i = ${count - 1} THEN 'infinity'::DATE ELSE DATE '2026-01-01' + i::INT END`;
    const rows = `SELECT i AS id, ${days} AS day FROM range(${count}) r(i)`;
    await expect(made.table.append(sql(rows))).rejects.toMatchObject({ code: 'DELTA_PARTITION_VALUE' });
    expect(await made.orphans()).toEqual([]);
  });

  it('of no rows makes no version, unless a txn comes with it', async () => {
    const made = await makeWritten();
    expect(await made.table.append(sql('SELECT 1 AS id WHERE false'))).toEqual({ ...NO_FILES, version: 0 });
    const txn = { appId: 'a', version: 1 };
    expect(await made.table.append(sql('SELECT 1 AS id WHERE false'), { txn })).toMatchObject({
      version: 1,
      committed: true,
    });
    expect(await made.orphans()).toEqual([]);
  });

  it('with a txn is done once, also by versions beyond 2^53', async () => {
    const made = await makeWritten();
    const append = (version: number | bigint) =>
      made.table.append(sql('SELECT 1 AS id'), { txn: { appId: 'a', version } });
    expect(await append(5)).toMatchObject({ committed: true, version: 1 });
    expect(await append(5)).toEqual({ ...NO_FILES, version: 1 });
    expect(await append(4)).toEqual({ ...NO_FILES, version: 1 });
    expect(await append(2n ** 60n)).toMatchObject({ committed: true, version: 2 });
    expect(await append(2n ** 60n - 1n)).toEqual({ ...NO_FILES, version: 2 });
    const other = tableIn(made.folder, made.session);
    expect(await other.append(sql('SELECT 1'), { txn: { appId: 'a', version: 2n ** 60n } })).toMatchObject(NO_FILES);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[2]']);
  });

  it('runs the SELECT once and takes parameters, used or not, used twice', async () => {
    const made = await makeWritten();
    await made.session.run('CREATE SEQUENCE seq');
    await made.table.append(sql("SELECT nextval('seq') AS id, $a || $a || '$b' AS name, 1 AS part"), {
      params: { a: 'x', b: 'unused', c: 1 },
    });
    expect(await made.rows('SELECT * FROM t')).toEqual(['[1,"xx$b",1]']);
  });

  it('writes more than 64 partitions, with every special character in names and values', async () => {
    const name = 'p "q" %=/\\é';
    const made = await makeWritten({ columns: { id: 'BIGINT', [name]: 'VARCHAR' }, partitionColumns: [name] });
    const quoted = `"${name.replaceAll('"', '""')}"`;
    await made.table.append(
      sql(
        `SELECT i AS id, CASE i WHEN 7 THEN NULL WHEN 8 THEN '' ELSE chr(i::INT) || '/ %' END AS ${quoted} FROM range(1, 131) r(i)`,
      ),
    );
    expect((await made.table.snapshot()).files).toHaveLength(130);
    expect(await made.rows(`SELECT count(*) FROM t WHERE ${quoted} = chr(id::INT) || '/ %'`)).toEqual(['[128]']);
    expect(await made.table.delete({ where: `${quoted} = '%/ %'` })).toMatchObject({ deleted: 1 });
    expect(await made.table.update({ where: `${quoted} IS NULL`, set: { [name]: "'a''b'" } })).toMatchObject({
      updated: 2,
    });
    expect(await made.rows(`SELECT id FROM t WHERE ${quoted} = 'a''b' ORDER BY id`)).toEqual(['[7]', '[8]']);
    expect(await made.orphans()).toEqual([]);
  });
});

const STRUCT = { id: 'INTEGER', st: 'STRUCT(a INTEGER, b STRUCT(x VARCHAR)[])', m: 'MAP(VARCHAR, STRUCT(p INTEGER))' };

describe.each([
  ['without mapping', {}],
  ['by name', BY_NAME],
  ['by id', BY_ID],
])('mergeSchema, %s', (_, configuration) => {
  it('adds columns and fields inside structs, lists and maps; old rows have NULL', async () => {
    const made = await makeWritten({ columns: STRUCT, configuration });
    await made.table.append(sql("SELECT 1 AS id, {'a': 1, 'b': [{'x': 'old'}]} AS st, MAP {'k': {'p': 1}} AS m"));
    const wider =
      "SELECT 2 AS ID, {'a': 2, 'b': [{'x': 'new', 'y': 3}], 'c': 4} AS st, MAP {'k': {'p': 2, 'q': 'r'}} AS m, 5 AS extra";
    await expect(made.table.append(sql(wider))).rejects.toMatchObject({ code: 'DELTA_SCHEMA' });
    expect(await made.table.append(sql(wider), { mergeSchema: true })).toMatchObject({ inserted: 1 });
    expect(await made.rows('SELECT * FROM t ORDER BY id')).toEqual([
      '[1,{"a":1,"b":[{"x":"old","y":null}],"c":null},[{"key":"k","value":{"p":1,"q":null}}],null]',
      '[2,{"a":2,"b":[{"x":"new","y":3}],"c":4},[{"key":"k","value":{"p":2,"q":"r"}}],5]',
    ]);
    expect(await made.table.update({ set: { extra: 'id', st: "{'a': id, 'b': st.b, 'c': 9}" } })).toMatchObject({
      updated: 2,
    });
    expect(await made.rows('SELECT st.c, st.b[1].y, extra FROM t ORDER BY id')).toEqual(['[9,null,1]', '[9,3,2]']);
    expect(await made.orphans()).toEqual([]);
  });
});

describe('mergeSchema', () => {
  it('with nothing new leaves the metadata alone', async () => {
    const made = await makeWritten({ rows: TEN });
    await made.table.append(sql('SELECT 1 AS ID'), { mergeSchema: true });
    expect((await made.lastCommit()).some((action) => 'metaData' in action)).toBe(false);
  });

  it('refuses a struct where the table has a number, and leaves nothing', async () => {
    const made = await makeWritten({ rows: TEN });
    await expect(made.table.append(sql("SELECT {'a': 1} AS id"), { mergeSchema: true })).rejects.toMatchObject({
      code: 'DELTA_SCHEMA',
    });
    expect(await made.orphans()).toEqual([]);
  });

  it('raises the protocol for a new timestamp without a zone', async () => {
    const made = await makeWritten({ rows: TEN });
    await made.table.append(sql("SELECT 1 AS id, TIMESTAMP '2026-01-01 10:00:00' AS ntz"), { mergeSchema: true });
    expect((await made.table.snapshot()).protocol).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['timestampNtz'],
      writerFeatures: ['appendOnly', 'invariants', 'timestampNtz'],
    });
  });

  it('a column called like a type or a switch needs no feature', async () => {
    const made = await makeWritten();
    const rows = 'SELECT 1 AS id, 2 AS timestamp_ntz, 3 AS "delta.invariants", 4 AS "delta.typeChanges"';
    await made.table.append(sql(rows), { mergeSchema: true });
    expect((await made.table.snapshot()).protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
  });

  it('widens types where the table allows it, and reads old files with the new type', async () => {
    const made = await makeWritten({
      columns: { a: 'INTEGER', d: 'DECIMAL(5,2)', l: 'SMALLINT[]' },
      rows: 'SELECT 1 AS a, 1.25 AS d, [1, 2] AS l',
    });
    const wide = sql('SELECT 5000000000 AS a, 12345678.125::DECIMAL(12,3) AS d, [70000] AS l');
    await expect(made.table.append(wide, { mergeSchema: true })).rejects.toMatchObject({ code: 'DELTA_SCHEMA' });
    await made.table.setProperties({ 'delta.enableTypeWidening': 'true' });
    await made.table.append(wide, { mergeSchema: true });
    expect(await made.rows('SELECT a, d::VARCHAR, l FROM t ORDER BY a')).toEqual([
      '[1,"1.250",[1,2]]',
      '[5000000000,"12345678.125",[70000]]',
    ]);
    const { schema, protocol } = await made.table.snapshot();
    expect(schema.fields.map(({ metadata }) => metadata['delta.typeChanges'])).toEqual([
      [{ fromType: 'integer', toType: 'long' }],
      [{ fromType: 'decimal(5,2)', toType: 'decimal(12,3)' }],
      [{ fromType: 'short', toType: 'integer', fieldPath: 'element' }],
    ]);
    expect(protocol.readerFeatures).toEqual(['typeWidening']);
    expect(await made.table.update({ where: 'a = 1', set: { a: 'a + 6000000000' } })).toMatchObject({ updated: 1 });
    expect(await made.rows('SELECT a FROM t ORDER BY a')).toEqual(['[5000000000]', '[6000000001]']);
  });
});

describe('overwrite', () => {
  it.each([
    ['without mapping', {}],
    ['by name', BY_NAME],
    ['by id, deletion vectors', { ...BY_ID, ...DELETION_VECTORS }],
  ])('with a new schema and new partition columns, %s', async (_, configuration) => {
    const made = await makeWritten({ rows: TEN, partitionColumns: ['part'], configuration });
    await expect(made.table.overwrite(sql("SELECT 'k' AS key, 1 AS part, 2 AS v"))).rejects.toMatchObject({
      code: 'DELTA_SCHEMA',
    });
    const replaced = made.table.overwrite(sql("SELECT 'k' AS key, '1' AS part, 2 AS v"), {
      overwriteSchema: true,
      partitionColumns: ['key'],
    });
    expect(await replaced).toMatchObject({ inserted: 1, deleted: 10, version: 2 });
    const snapshot = await made.table.snapshot();
    expect(snapshot.partitionColumns).toEqual(['key']);
    expect(await made.rows('SELECT * FROM t')).toEqual(['["k","1",2]']);
    await made.table.append(sql("SELECT 'l' AS key, '1' AS part, 2 AS v"));
    expect(await made.table.delete({ where: "key = 'k'" })).toMatchObject({ deleted: 1 });
    expect(await made.rows('SELECT * FROM t')).toEqual(['["l","1",2]']);
    expect(await made.orphans()).toEqual([]);
  });

  it('of an empty table with nothing makes no version', async () => {
    const made = await makeWritten();
    expect(await made.table.overwrite(sql('SELECT 1 AS id WHERE false'))).toEqual({ ...NO_FILES, version: 0 });
  });

  it.each([
    [{ partitionColumns: ['id'] }],
    [{ overwriteSchema: true, replaceWhere: 'id = 1' }],
    [{ overwriteSchema: true, partitionColumns: ['nope'] }],
    [{ overwriteSchema: true, partitionColumns: ['id', 'name', 'part'] }],
  ])('refuses %j and leaves nothing', async (options) => {
    const made = await makeWritten({ rows: TEN });
    await expect(made.table.overwrite(sql(TEN), options)).rejects.toMatchObject({
      code: expect.stringMatching(/USAGE|DELTA_SCHEMA/),
    });
    expect(await made.orphans()).toEqual([]);
    expect((await made.table.snapshot()).version).toBe(1);
  });

  it('replaceWhere with a new column, by mergeSchema', async () => {
    const made = await makeWritten({ rows: TEN, partitionColumns: ['part'] });
    const rows = sql("SELECT 5 AS id, 'n' AS name, 1 AS part, 'new' AS extra");
    expect(
      await made.table.overwrite(rows, { replaceWhere: 'part = $p', params: { p: 1 }, mergeSchema: true }),
    ).toMatchObject({
      inserted: 1,
      deleted: 5,
    });
    expect(await made.rows('SELECT id, extra FROM t WHERE id > 3 ORDER BY id')).toEqual(['[4,null]', '[5,"new"]']);
  });

  it('replaceWhere leaves rows for which the condition is NULL, and takes no such new row', async () => {
    const made = await makeWritten({ rows: 'SELECT 1 AS id, NULL AS name, 0 AS part' });
    const outside = made.table.overwrite(sql('SELECT 2 AS id'), { replaceWhere: "name = 'x'" });
    await expect(outside).rejects.toMatchObject({ code: 'DELTA_REPLACE_WHERE' });
    await made.table.overwrite(sql("SELECT 3 AS id, 'x' AS name"), { replaceWhere: "name = 'x'" });
    expect(await made.rows('SELECT id FROM t ORDER BY id')).toEqual(['[1]', '[3]']);
    expect(await made.orphans()).toEqual([]);
  });
});

test('two tables written at once through one session keep their rows', async () => {
  const made = await makeWritten();
  const others = await Promise.all([1, 2, 3].map(() => makeWritten()));
  const tables = others.map(({ folder }) => tableIn(folder, made.session));
  await Promise.all(tables.map((table, i) => table.append(sql(`SELECT ${i} AS id FROM range(10)`))));
  await Promise.all(tables.map((table, i) => table.update({ set: { name: `'n${i}'` } })));
  for (const [i, other] of others.entries()) {
    expect(await other.rows('SELECT DISTINCT id, name FROM t')).toEqual([`[${i},"n${i}"]`]);
    expect(await other.orphans()).toEqual([]);
  }
});
