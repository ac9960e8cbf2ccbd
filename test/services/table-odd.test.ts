import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestResult, Lake } from '../../src/lake.js';
import { openLake } from '../support/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { runInChild } from '../support/service-child.js';
import { expectSound, manifestsOf } from '../support/service-lake.js';
import { around, expectLast, incremental, runDays } from '../support/service-tables.js';
import { runTable, tableSource } from '../support/shop.js';
import { tempFolder } from '../support/temp-folder.js';

let server: PostgresServer;
let tables = 0;
const next = runDays();
const rowsOf = ({ rows }: IngestResult) => rows;

/** The name of a new table with these columns. */
async function create(columns: string): Promise<string> {
  const name = `odd_${++tables}`;
  await server.sql(`CREATE TABLE ${name} (${columns})`);
  return name;
}

/** Rows by note, in the source and in bronze: every version of a row, as often as it is there. */
async function expectSame(lake: Lake, table: string): Promise<void> {
  const sql = (from: string) => `SELECT note, CAST(count(*) AS INTEGER) AS n FROM ${from} GROUP BY note ORDER BY note`;
  const bronze = await lake.select(sql(`bronze.shop_${table}`));
  expect(bronze.rows).toEqual(await server.sql(sql(table)));
}

describe.skipIf(postgresMissing() !== undefined)('tables of all kinds', () => {
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());

  it('without a key are loaded as often as their rows are there', async () => {
    const table = await create('note text, at timestamptz');
    const add = (note: string, at: string, times = 1) =>
      `INSERT INTO ${table} SELECT '${note}', ${at} FROM generate_series(1, ${times})`;
    await server.sql(add('old', `'2026-01-01'`, 2));
    await server.sql(add('last', `'2026-01-02'`, 3));
    await server.sql(add('none', 'NULL', 2));
    const lake = await openLake();
    const source = await tableSource(server, { table, ...incremental('at') });
    expect(rowsOf(await runTable(lake, source, next()))).toBe(7);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    // One more of each that is read again.
    await server.sql(add('last', `'2026-01-02'`));
    await server.sql(add('none', 'NULL'));
    expect(rowsOf(await runTable(lake, source, next()))).toBe(2);
    await expectSame(lake, table);
    // Equal rows of a transaction that is open in a run, and others of the same time that are not.
    await server.sql(`CREATE TABLE ${table}_moment AS SELECT date_trunc('milliseconds', now()) AS at`);
    const moment = `(SELECT at FROM ${table}_moment)`;
    const late = { write: add('late', moment, 2), meanwhile: add('late', moment, 3) };
    await around(server, late, async () => expect(rowsOf(await runTable(lake, source, next()))).toBe(3));
    expect(rowsOf(await runTable(lake, source, next()))).toBe(2);
    await server.sql(add('late', moment));
    expect(rowsOf(await runTable(lake, source, next()))).toBe(1);
    await expectSame(lake, table);
    const state = await lake.state();
    await state.setWatermark({ source: 'orders', value: null, reason: 'again' });
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    expect(rowsOf(await runTable(lake, source, { ...next(), fullRefresh: true }))).toBe(0);
    await expectSame(lake, table);
    await expectSound(lake);
  });

  it('with rows that have no watermark are read as the policy says', async () => {
    const table = await create('id int PRIMARY KEY, note text, at timestamptz');
    await server.sql(`INSERT INTO ${table} VALUES (1, 'a', '2026-01-01'), (2, 'b', NULL), (3, 'c', NULL)`);
    const columns = ['id', 'note', 'at'];
    const source = (nulls: string) =>
      tableSource(server, { table, key: 'id', ...incremental({ column: 'at', nulls }) }, { name: nulls });
    const included = await openLake();
    const include = await source('include');
    expect(rowsOf(await runTable(included, include, next()))).toBe(3);
    const excluded = await openLake();
    const exclude = await source('exclude');
    expect(rowsOf(await runTable(excluded, exclude, next()))).toBe(1);
    const [event] = (await excluded.fileEvents({})).filter(({ status }) => status === 'INGESTED');
    expect(event?.detail['extract']).toMatchObject({ null_watermarks: 2 });
    const raised = await openLake();
    const raise = await source('raise');
    const refused = { code: 'WATERMARK', exitCode: 1 };
    await expect(raised.ingest({ sources: [raise], ...next() })).rejects.toMatchObject(refused);
    expect(await raised.catalog.findSnapshot(raise.target)).toBeUndefined();

    await server.sql(`UPDATE ${table} SET note = 'changed' WHERE id = 2`);
    await server.sql(`UPDATE ${table} SET at = '2026-01-05' WHERE id = 3`);
    expect(rowsOf(await runTable(included, include, next()))).toBe(2);
    expect(rowsOf(await runTable(included, include, next()))).toBe(0);
    await expectLast(included, server, { table, columns });
    expect(rowsOf(await runTable(excluded, exclude, next()))).toBe(1);
    await server.sql(`UPDATE ${table} SET at = '2026-01-06' WHERE id = 2`);
    expect(rowsOf(await runTable(excluded, exclude, next()))).toBe(1);
    await expectLast(excluded, server, { table, columns });
    expect(rowsOf(await runTable(raised, raise, next()))).toBe(3);
    for (const lake of [included, excluded, raised]) await expectSound(lake);
  });

  it.each([
    ['bigint GENERATED ALWAYS AS IDENTITY', true],
    ['bigint GENERATED ALWAYS AS IDENTITY', false],
    ['numeric(12,2)', true],
  ])('with a number as watermark (%s, key: %s) miss no lower number that is committed later', async (type, keyed) => {
    const table = await create(`id int PRIMARY KEY, note text, n ${type}`);
    const add = (id: number) =>
      type.startsWith('numeric')
        ? `INSERT INTO ${table} VALUES (${id}, 'row ${id}', ${id}.5)`
        : `INSERT INTO ${table} (id, note) VALUES (${id}, 'row ${id}')`;
    const lake = await openLake();
    const watermark = { column: 'n', type: 'integer' };
    const source = await tableSource(server, { table, ...(keyed ? { key: 'id' } : {}), ...incremental(watermark) });
    for (const id of [1, 2, 3]) await server.sql(add(id));
    expect(rowsOf(await runTable(lake, source, next()))).toBe(3);
    // The lower number is taken first and committed last.
    await around(server, { write: add(4), meanwhile: add(5) }, () => runTable(lake, source, next()));
    await runTable(lake, source, next());
    await expectSame(lake, table);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await expectSound(lake);
  });

  it('a view and a query hold the watermark back while a transaction is open', async () => {
    const table = await create('id int PRIMARY KEY, note text, at timestamptz NOT NULL DEFAULT now()');
    await server.sql(`CREATE VIEW ${table}_view AS SELECT * FROM ${table} WHERE note <> 'hidden'`);
    await server.sql(`INSERT INTO ${table} SELECT n, 'first', now() FROM generate_series(1, 5) AS n`);
    const lake = await openLake();
    const view = await tableSource(
      server,
      { table: `${table}_view`, key: 'id', ...incremental('at'), into: 'bronze.view' },
      { name: 'view' },
    );
    const query = await tableSource(
      server,
      { query: `SELECT id, note, at FROM ${table}`, ...incremental('at'), into: 'bronze.query' },
      { name: 'query' },
    );
    const run = async () => {
      const result = await lake.ingest({ sources: [view, query], ...next() });
      return result.sources.map(({ rows }) => rows);
    };
    expect(await run()).toEqual([5, 5]);
    const insert = (from: number, note: string) =>
      `INSERT INTO ${table} SELECT n, '${note}', now() FROM generate_series(${from}, ${from + 2}) AS n`;
    let open: number[] = [];
    const twice = async () => {
      open = [...(await run()), ...(await run())];
    };
    await around(server, { write: insert(10, 'late'), meanwhile: insert(20, 'in time') }, twice);
    expect(open).toEqual([3, 3, 0, 0]);
    expect(await run()).toEqual([3, 3]);
    expect(await run()).toEqual([0, 0]);
    for (const target of ['bronze.view', 'bronze.query']) {
      await expectLast(lake, server, { table, columns: ['id', 'note', 'at'], target });
    }
    await expectSound(lake);
  });

  it.each([
    ['Asia/Tokyo', 'timestamptz'],
    ['Asia/Tokyo', 'timestamp'],
    ['America/New_York', 'timestamp'],
    ['Pacific/Kiritimati', 'date'],
    ['America/New_York', 'date'],
  ])('in a database of %s with a %s miss nothing', async (zone, type) => {
    await server.sql(`ALTER DATABASE shop SET timezone = '${zone}'`);
    try {
      const table = await create(`id int PRIMARY KEY, note text, at ${type} NOT NULL DEFAULT now()`);
      const lake = await openLake();
      const keyed = await tableSource(server, { table, key: 'id', ...incremental('at') }, { name: 'keyed' });
      const query = { query: `SELECT * FROM ${table}`, ...incremental('at'), into: 'bronze.plain' };
      const plain = await tableSource(server, query, { name: 'plain' });
      const run = async () => {
        const result = await lake.ingest({ sources: [keyed, plain], ...next() });
        expect(result.status).not.toBe('failed');
      };
      // Each connection has the zone from its start on.
      const writer = await server.client();
      const insert = (from: number) => {
        const rows = `SELECT n, 'at ${from}' FROM generate_series(${from}, ${from + 2}) AS n`;
        return writer.query(`INSERT INTO ${table} (id, note) ${rows}`);
      };
      await insert(1);
      await run();
      await insert(10);
      const write = `INSERT INTO ${table} (id, note) VALUES (20, 'late'), (21, 'late')`;
      const meanwhile = `UPDATE ${table} SET note = 'again', at = now() WHERE id = 1`;
      await around(server, { write, meanwhile }, run);
      await run();
      await insert(30);
      await run();
      for (const target of [`bronze.shop_${table}`, 'bronze.plain']) {
        await expectLast(lake, server, { table, columns: ['id', 'note', 'at'], target });
      }
      await writer.end();
      const before = await lake.catalog.table('bronze.plain').snapshot();
      await run();
      expect((await lake.catalog.table('bronze.plain').snapshot()).version).toBe(before.version);
    } finally {
      await server.sql('ALTER DATABASE shop RESET timezone');
    }
  });

  it('with values that no type here has keep their types, from the first load on', async () => {
    const numbers = 'id int PRIMARY KEY, amount numeric(10,2)';
    const table = await create(`${numbers}, born date, seen timestamp, at timestamptz NOT NULL DEFAULT now()`);
    await server.sql(`INSERT INTO ${table} VALUES (1, 'NaN', 'infinity', '10000-01-01 00:00:00'),
      (2, 1.5, '0044-03-15 BC', '-infinity'), (3, 2.25, '2026-01-01', '2026-01-01 12:00:00')`);
    const lake = await openLake();
    const source = await tableSource(server, { table, key: 'id', ...incremental('at') });
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 3, files: [{ rescued: 2 }] });
    const typesOf = async () => {
      const { schema } = await lake.catalog.table(source.target).snapshot();
      return Object.fromEntries(schema.fields.map(({ name, type }) => [name, 'name' in type ? type.name : type.kind]));
    };
    const types = await typesOf();
    expect(types).toMatchObject({ amount: 'decimal(10,2)', born: 'date', seen: 'timestamp_ntz', at: 'timestamp' });
    const texts = ['amount', 'born', 'seen'].map((name) => `${name}::VARCHAR AS ${name}`).join(', ');
    const { rows } = await lake.select(
      `SELECT id, ${texts}, _rescued_data AS rescued FROM ${source.target} ORDER BY id`,
    );
    expect(rows.map((row) => ({ ...row, rescued: JSON.parse(String(row['rescued'] ?? 'null')) }))).toEqual([
      {
        id: 1,
        amount: null,
        born: null,
        seen: null,
        rescued: { amount: 'NaN', born: 'infinity', seen: '10000-01-01 00:00:00' },
      },
      { id: 2, amount: '1.50', born: null, seen: null, rescued: { born: '0044-03-15 BC', seen: '-infinity' } },
      { id: 3, amount: '2.25', born: '2026-01-01', seen: '2026-01-01 12:00:00', rescued: null },
    ]);
    // Usual values after that are no new layout, and odd ones in an incremental run neither.
    await server.sql(`INSERT INTO ${table} VALUES (4, 3, '2026-01-02', '2026-01-02')`);
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 1, files: [{ rescued: 0 }] });
    await server.sql(`UPDATE ${table} SET amount = 'NaN', at = now() WHERE id = 3`);
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 1, files: [{ rescued: 1 }] });
    expect(await typesOf()).toEqual(types);
    await expectLast(lake, server, { table, columns: ['id', 'amount', 'born', 'at'] });
    await expectSound(lake);
  });

  it('that are empty at first, and watermarks that are infinite or in the future, end no load', async () => {
    const table = await create('id int PRIMARY KEY, note text, at timestamptz');
    const lake = await openLake();
    const source = await tableSource(server, { table, key: 'id', ...incremental('at') });
    for (const date of [next(), next()]) {
      expect(await runTable(lake, source, date)).toMatchObject({ rows: 0, failed: 0 });
    }
    await server.sql(`INSERT INTO ${table} VALUES (1, 'a', 'infinity'), (2, 'b', now() + interval '1 day'),
      (3, 'c', '-infinity'), (4, 'd', now())`);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(4);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await server.sql(`UPDATE ${table} SET note = 'changed' WHERE id < 3`);
    await server.sql(`INSERT INTO ${table} VALUES (5, 'e', now())`);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(3);
    await expectLast(lake, server, { table, columns: ['id', 'note'] });
    // All rows are gone: nothing is taken back, and the next ones come.
    await server.sql(`TRUNCATE ${table}`);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await server.sql(`INSERT INTO ${table} VALUES (6, 'f', now())`);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(1);
    await expectSound(lake);
  });

  it('are read at the same time, by one process and by several', async () => {
    const columns = 'id int PRIMARY KEY, note text, at timestamptz NOT NULL DEFAULT now()';
    const names: string[] = [];
    for (let i = 0; i < 8; i++) names.push(await create(columns));
    const change = async (note: string) => {
      for (const table of names) {
        await server.sql(`INSERT INTO ${table} SELECT last.id + n, '${note}'
          FROM (SELECT coalesce(max(id), 0) AS id FROM ${table}) AS last, generate_series(1, 5) AS n`);
      }
    };
    const root = join(tempFolder(), 'lake');
    const lake = await openLake({ root });
    const sources = await Promise.all(
      names.map((table) => tableSource(server, { table, key: 'id', ...incremental('at') }, { name: table })),
    );
    for (const round of [1, 2]) {
      await change(`round ${round}`);
      const result = await lake.ingest({ sources, jobs: 8, ...next() });
      const ends = result.sources.map(({ status, rows, error }) => [status, rows, error]);
      expect(ends).toEqual(names.map(() => ['success', 5, null]));
    }
    await change('apart');
    const date = next();
    const ends = await Promise.all(sources.map((source) => runInChild({ root, source, request: date })));
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']));
    for (const table of names) {
      await expectLast(lake, server, { table, columns: ['id', 'note', 'at'] });
      const manifests = await manifestsOf(lake, table, date.date);
      expect(manifests.map(({ status }) => status)).toEqual(['success']);
    }
    const { rows } = await lake.select(
      'SELECT count(*) AS n, count(DISTINCT source_name) AS names FROM metadata.watermark',
    );
    expect(rows).toEqual([{ n: 8n, names: 8n }]);
    await expectSound(lake);
  });
});
