import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const SCHEMA = columns({ id: 'BIGINT', name: 'VARCHAR', day: 'DATE', ts: 'TIMESTAMP WITH TIME ZONE' });

async function makeTable(configuration: Record<string, string> = {}) {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({ schema: SCHEMA, partitionColumns: ['day'], configuration });
  return { folder, session, table };
}

const rows = (from: number, to: number) =>
  sql(
    `SELECT i AS id, 'n' || i AS name, DATE '2026-01-01' + CAST(i % 3 AS INT) AS day, TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_seconds(i) AS ts FROM range(${from}, ${to}) t(i)`,
  );

describe('a table', () => {
  it('is created once, appended to and read back, at every version', async () => {
    const { session, table } = await makeTable();
    expect(await table.create({ schema: SCHEMA })).toBe(false);
    expect(await table.append(rows(0, 9))).toEqual({
      inserted: 9,
      updated: 0,
      deleted: 0,
      version: 1,
      committed: true,
    });
    expect(await table.append(rows(9, 12))).toMatchObject({ version: 2 });
    const { rows: now } = await query(
      session,
      table,
      'SELECT count(*) AS n, sum(id)::BIGINT AS s, min(ts) AS first FROM t',
    );
    expect(now).toEqual([{ n: 12n, s: 66n, first: '2026-01-01T00:00:00Z' }]);
    expect((await query(session, table, 'SELECT count(*) AS n FROM t', { at: { version: 1 } })).rows).toEqual([
      { n: 9n },
    ]);
    expect((await query(session, table, 'SELECT count(*) AS n FROM t', { at: { version: 0 } })).rows).toEqual([
      { n: 0n },
    ]);
    await expect(table.snapshot({ version: 7 })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  it('is protocol 1/2 with the partition values in the log and full statistics', async () => {
    const { folder, table } = await makeTable();
    await table.append(rows(0, 3));
    const snapshot = await table.snapshot();
    expect(snapshot.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
    const file = snapshot.files.find((f) => f.partitionValues['day'] === '2026-01-02');
    expect(JSON.parse(file?.stats ?? '')).toEqual({
      numRecords: 1,
      minValues: { id: 1, name: 'n1', ts: '2026-01-01T00:00:01.000Z' },
      maxValues: { id: 1, name: 'n1', ts: '2026-01-01T00:00:01.000Z' },
      nullCount: { id: 0, name: 0, ts: 0 },
    });
    expect(existsSync(join(folder, decodeURIComponent(file?.path ?? '')))).toBe(true);
  });

  it('skips files by partition and by statistics, with the same rows as without', async () => {
    const { session, table } = await makeTable();
    for (let i = 0; i < 4; i++) await table.append(rows(i * 100, i * 100 + 9));
    const text = "SELECT id FROM t WHERE day = DATE '2026-01-02' AND id BETWEEN 100 AND 150 ORDER BY id";
    const skipped = await query(session, table, text);
    const full = await query(session, table, text, { skipping: false });
    expect(skipped.rows).toEqual(full.rows);
    expect(skipped.rows.length).toBeGreaterThan(0);
    expect([skipped.files, skipped.read]).toEqual([12, 1]);
    expect(full.read).toBe(12);
  });

  it('has partition values of every awkward kind', async () => {
    const folder = tempFolder();
    const session = await openSession();
    const table = tableIn(folder, session);
    await table.create({ schema: columns({ p: 'VARCHAR', v: 'INTEGER' }), partitionColumns: ['p'] });
    const values = ['a b', 'a/b', 'a%20b', "it's", 'x=y', '[*?]', 'ünï🦆', 'a:b#c', '"q"', 'back\\slash', '{}', null];
    const list = values.map((v, i) => `(${v === null ? 'NULL' : `'${v.replaceAll("'", "''")}'`}, ${i})`).join(', ');
    await table.append(sql(`SELECT * FROM (VALUES ${list}) t(p, v)`));
    const other = tableIn(folder, session);
    const got = await query(session, other, 'SELECT p, v FROM t ORDER BY v');
    expect(got.rows).toEqual(values.map((p, v) => ({ p, v })));
    expect((await query(session, other, "SELECT v FROM t WHERE p = '[*?]'")).rows).toEqual([{ v: 5 }]);
  });

  it('writes checkpoints every delta.checkpointInterval commits and needs no commit below them', async () => {
    const { folder, session, table } = await makeTable({ 'delta.checkpointInterval': '3' });
    for (let i = 0; i < 7; i++) await table.append(rows(i, i + 1));
    const log = join(folder, '_delta_log');
    expect(readdirSync(log).filter((name) => name.includes('checkpoint.parquet'))).toHaveLength(2);
    const before = (await query(session, table, 'SELECT id, name, day FROM t ORDER BY id')).rows;
    for (let v = 0; v < 6; v++) rmSync(join(log, `${String(v).padStart(20, '0')}.json`));
    const reopened = tableIn(folder, session);
    expect((await query(session, reopened, 'SELECT id, name, day FROM t ORDER BY id')).rows).toEqual(before);
    expect((await reopened.snapshot()).metadata.configuration).toEqual({ 'delta.checkpointInterval': '3' });
    writeFileSync(join(log, '_last_checkpoint'), 'not json');
    expect((await tableIn(folder, session).snapshot()).version).toBe(7);
    writeFileSync(join(log, '_last_checkpoint'), '{"version":4}');
    expect((await tableIn(folder, session).snapshot()).version).toBe(7);
  });

  it('merges: updates, inserts, rewrites only what changed, and makes no commit for nothing', async () => {
    const { session, table } = await makeTable();
    await table.append(rows(0, 30));
    const before = await table.snapshot();
    await session.run(
      `CREATE TEMP TABLE s AS SELECT 'n4' AS name, 400::BIGINT AS id, DATE '2026-01-02' AS day UNION ALL SELECT 'new', 1000, DATE '2026-02-01'`,
    );
    const merge = {
      source: 's',
      keys: ['name'],
      target: 'target_rows',
      statement: `MERGE INTO target_rows AS t USING s ON t.name = s.name WHEN MATCHED THEN UPDATE SET id = s.id
        WHEN NOT MATCHED THEN INSERT (id, name, day) VALUES (s.id, s.name, s.day)`,
    };
    expect(await table.merge(merge)).toEqual({ inserted: 1, updated: 1, deleted: 0, version: 2 });
    expect(await table.merge(merge)).toEqual({ inserted: 0, updated: 0, deleted: 0, version: 2 });
    const after = await table.snapshot();
    const kept = before.files.filter((f) => after.files.some((g) => g.path === f.path));
    expect(kept).toHaveLength(2);
    const got = await query(session, table, 'SELECT count(*) AS n, sum(id)::BIGINT AS s FROM t');
    expect(got.rows).toEqual([{ n: 31n, s: 435n - 4n + 400n + 1000n }]);
    expect((await table.history()).map((h) => h.operation)).toEqual(['MERGE', 'WRITE', 'CREATE TABLE']);
  });

  it('two merges of one row at once: one is staged again on top of the other', async () => {
    const { folder, session, table } = await makeTable();
    await table.append(rows(0, 3));
    const other = await openSession();
    for (const s of [session, other]) await s.run(`CREATE TEMP TABLE s AS SELECT 'n1' AS name`);
    const bump = {
      source: 's',
      keys: ['name'],
      target: 'x',
      statement: 'MERGE INTO x USING s ON x.name = s.name WHEN MATCHED THEN UPDATE SET id = x.id + 1',
    };
    const handles = [tableIn(folder, session), tableIn(folder, other)];
    await Promise.all(
      handles.map(async (h) => {
        for (let i = 0; i < 10; i++) await h.merge(bump);
      }),
    );
    expect((await query(session, table, "SELECT id FROM t WHERE name = 'n1'")).rows).toEqual([{ id: 21n }]);
    expect((await query(session, table, 'SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 3n }]);
  });

  it('refuses removes when delta.appendOnly is set, and NULL in a column that must not be NULL', async () => {
    const { session, table } = await makeTable({ 'delta.appendOnly': 'true' });
    await table.append(rows(0, 3));
    await session.run(`CREATE TEMP TABLE s AS SELECT 'n1' AS name`);
    const statement = 'MERGE INTO x USING s ON x.name = s.name WHEN MATCHED THEN DELETE';
    await expect(table.merge({ source: 's', keys: ['name'], target: 'x', statement })).rejects.toMatchObject({
      code: 'DELTA_APPEND_ONLY',
    });
    const strict = tableIn(tempFolder(), session);
    const fields = columns({ a: 'INTEGER', b: 'INTEGER' }).fields.map((f) => ({ ...f, nullable: f.name !== 'a' }));
    await strict.create({ schema: { fields } });
    await expect(strict.append(sql('SELECT NULL::INT AS a, 1 AS b'))).rejects.toMatchObject({
      code: 'DELTA_NOT_NULL',
      exitCode: 1,
    });
    expect(readdirSync(strict.path)).toEqual(['_delta_log']);
  });

  it('merges small files when there are many, without a change of rows', async () => {
    const { session, table } = await makeTable({ 'delta.appendOnly': 'true' });
    for (let i = 0; i < 8; i++) await table.append(rows(i * 3, i * 3 + 1));
    const snapshot = await table.snapshot();
    expect(snapshot.files).toHaveLength(8);
    expect(await table.compactNear(snapshot.files.slice(0, 1))).toBe(true);
    expect((await table.snapshot()).files).toHaveLength(1);
    expect(await table.compactNear((await table.snapshot()).files)).toBe(false);
    expect((await query(session, table, 'SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 8n }]);
  });
});

describe('a damaged or foreign log', () => {
  it.each([
    [
      'bad JSON',
      (log: string) => writeFileSync(join(log, '00000000000000000001.json'), '{"add":'),
      /00000000000000000001\.json:1/,
    ],
    [
      'an empty commit',
      (log: string) => writeFileSync(join(log, '00000000000000000001.json'), ''),
      /00000000000000000001\.json/,
    ],
    [
      'a missing version',
      (log: string) => rmSync(join(log, '00000000000000000001.json')),
      /00000000000000000001\.json/,
    ],
    [
      'a missing first version',
      (log: string) => rmSync(join(log, '00000000000000000000.json')),
      /00000000000000000000\.json/,
    ],
  ])('stops at %s and names the file', async (_, damage, named) => {
    const { folder, session, table } = await makeTable();
    await table.append(rows(0, 1));
    await table.append(rows(1, 2));
    damage(join(folder, '_delta_log'));
    const error = await tableIn(folder, session)
      .snapshot()
      .catch((e) => e);
    expect(error).toMatchObject({ code: 'DELTA_LOG', exitCode: 3 });
    expect(`${error.message} ${error.place}`).toMatch(named);
  });

  it('names the feature it cannot read or write', async () => {
    const { folder, session, table } = await makeTable();
    const log = join(folder, '_delta_log', '00000000000000000000.json');
    const lines = readFileSync(log, 'utf8');
    writeFileSync(
      log,
      lines.replace(
        '{"minReaderVersion":1,"minWriterVersion":2}',
        '{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["catalogManaged"],"writerFeatures":["catalogManaged"]}',
      ),
    );
    await expect(tableIn(folder, session).snapshot()).rejects.toMatchObject({
      code: 'DELTA_UNSUPPORTED',
      message: expect.stringContaining('"catalogManaged"'),
    });
    writeFileSync(
      log,
      lines.replace(
        '{"minReaderVersion":1,"minWriterVersion":2}',
        '{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking"]}',
      ),
    );
    const readable = tableIn(folder, session);
    expect((await readable.snapshot()).version).toBe(0);
    await expect(readable.append(rows(0, 1))).rejects.toMatchObject({
      code: 'DELTA_UNSUPPORTED',
      message: expect.stringContaining('"rowTracking"'),
    });
    expect(table.path).toBe(folder);
  });
});
