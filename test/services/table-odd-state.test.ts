import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResolvedSource } from '../../src/ingest/config/source-config.js';
import type { IngestResult, Lake } from '../../src/lake.js';
import { runCli } from '../crash/cli.js';
import { openLake } from '../support/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { runInChild } from '../support/service-child.js';
import { shopConnection, writeConfig } from '../support/service-cli.js';
import { expectSound, withLake } from '../support/service-lake.js';
import { around, expectLast, incremental, runDays } from '../support/service-tables.js';
import { differences, runTable, tableSource } from '../support/shop.js';
import { tempFolder } from '../support/temp-folder.js';

let server: PostgresServer;
let tables = 0;
const next = runDays();
const COLUMNS = ['id', 'note', 'n', 'at'];
const rowsOf = ({ rows }: IngestResult) => rows;

/** The name of a new table with ten rows. */
async function create(): Promise<string> {
  const name = `kept_${++tables}`;
  await server.sql(`CREATE TABLE ${name} (id int PRIMARY KEY, note text, n int, at timestamptz NOT NULL DEFAULT now());
    INSERT INTO ${name} SELECT n, 'row ' || n, n, timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 10) AS n`);
  return name;
}

async function watermark(lake: Lake, source: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { rows } = await lake.select(
    'SELECT watermark_column, watermark_value, late_from FROM metadata.watermark WHERE source_name = $source',
    { params: { source } },
  );
  return rows[0];
}

describe.skipIf(postgresMissing() !== undefined)('tables and what is known of them', () => {
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());

  it('rows that an expectation refuses are kept apart', async () => {
    const table = await create();
    await server.sql(`UPDATE ${table} SET n = -1, at = '2026-01-02' WHERE id = 7`);
    const lake = await openLake();
    const written = { table, key: 'id', ...incremental('at') };
    const expectations = [{ name: 'positive', expect: 'n >= 0', action: 'quarantine' }];
    const source = await tableSource(server, { ...written, expectations });
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 9, rejected: 1 });
    const kept = async () => {
      const { rows } = await lake.select('SELECT count(*) AS n, min(text) AS text FROM metadata.reject');
      return rows[0];
    };
    expect(await kept()).toMatchObject({ n: 1n, text: expect.stringContaining('"id":7') });
    expect((await lake.select(`SELECT id FROM ${source.target} WHERE id = 7`)).rows).toEqual([]);
    // It has the last time: it is read again, and refused again.
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 0, rejected: 1, failed: 0 });
    // Kept once all the same.
    expect(await kept()).toMatchObject({ n: 1n });
    await server.sql(`UPDATE ${table} SET n = 7, at = now() WHERE id = 7`);
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 1, rejected: 0 });
    await expectLast(lake, server, { table, columns: COLUMNS });
    // One that stops the load: nothing of it is there, and it comes when it is mended.
    const strict = await tableSource(server, {
      ...written,
      expectations: [{ name: 'positive', expect: 'n >= 0', action: 'fail' }],
    });
    await server.sql(`UPDATE ${table} SET n = -2, at = now() WHERE id = 8`);
    await server.sql(`INSERT INTO ${table} VALUES (11, 'new', 1, now())`);
    const failed = await lake.ingest({ sources: [strict], ...next() });
    expect(failed).toMatchObject({ status: 'failed', files: [{ error_code: 'EXPECTATION_FAILED' }] });
    await server.sql(`UPDATE ${table} SET n = 8 WHERE id = 8`);
    expect(rowsOf(await runTable(lake, strict, next()))).toBe(2);
    await expectLast(lake, server, { table, columns: COLUMNS });
    await expectSound(lake);
  });

  it('a transform makes the rows, and what is new is told all the same', async () => {
    const table = await create();
    const folder = tempFolder();
    const transform = (sql: string) => {
      const file = join(folder, `${Math.random()}.sql`);
      writeFileSync(file, sql);
      return file;
    };
    const lake = await openLake();
    const written = { table, key: 'id', ...incremental('at') };
    const source = await tableSource(server, {
      ...written,
      transform: transform('SELECT * REPLACE (upper(note) AS note), n * 2 AS twice FROM source WHERE n <> 3'),
    });
    expect(rowsOf(await runTable(lake, source, next()))).toBe(9);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await server.sql(`UPDATE ${table} SET note = 'changed', at = now() WHERE id IN (1, 3)`);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(1);
    const { rows } = await lake.select(
      `SELECT id, note, twice FROM ${source.target} QUALIFY row_number() OVER (PARTITION BY id ORDER BY _extracted_at DESC, _row_no DESC) = 1 ORDER BY id LIMIT 3`,
    );
    expect(rows).toEqual([
      { id: 1, note: 'CHANGED', twice: 2 },
      { id: 2, note: 'ROW 2', twice: 4 },
      { id: 4, note: 'ROW 4', twice: 8 },
    ]);
    await expectSound(lake);
    // Without the columns that tell rows apart nobody could say what is new; a full load need not know.
    const other = await openLake();
    const sql = transform('SELECT id, note FROM source');
    const bare = await tableSource(server, { ...written, transform: sql });
    await expect(other.ingest({ sources: [bare], ...next() })).rejects.toMatchObject({
      code: 'USAGE',
      message: 'the transform drops _row_hash and _extracted_at: the next run could not tell what is new',
    });
    expect(await other.catalog.names()).not.toContain(bare.target);
    const full = await tableSource(server, { table, transform: sql, into: 'bronze.full' }, { name: 'full' });
    for (const date of [next(), next()]) expect(rowsOf(await runTable(other, full, date))).toBe(10);
    expect((await other.select('SELECT count(*) AS n FROM bronze.full')).rows).toEqual([{ n: 20n }]);
  });

  it('a ledger that is lost is made again from the target, and nothing is loaded twice', async () => {
    const table = await create();
    const root = tempFolder();
    const source = await tableSource(server, { table, key: 'id', ...incremental('at') });
    const dates = [next(), next(), next()];
    const before = await withLake(root, async (lake) => {
      await runTable(lake, source, dates[0]);
      await server.sql(`UPDATE ${table} SET note = 'changed', at = now() WHERE id < 4`);
      await around(server, { write: `INSERT INTO ${table} VALUES (20, 'late', 1, now())` }, () =>
        runTable(lake, source, dates[1]),
      );
      return watermark(lake, 'orders');
    });
    expect(before).toMatchObject({ late_from: expect.stringMatching(/^\d+$/) });
    rmSync(join(root, 'metadata'), { recursive: true });
    await withLake(root, async (lake) => {
      await expect(lake.ingest({ sources: [source], ...dates[2] })).rejects.toMatchObject({ code: 'STATE_LOST' });
      await expect(lake.plan({ sources: [source], ...dates[2] })).rejects.toMatchObject({ code: 'STATE_LOST' });
    });
    writeConfig(root, { connections: { shop: shopConnection(root, server) }, sources: {}, more: { lake: '.' } });
    const rebuilt = await runCli(['state', 'rebuild', '-o', 'json'], { cwd: root });
    expect([rebuilt.code, rebuilt.stderr]).toEqual([0, expect.any(String)]);
    await withLake(root, async (lake) => {
      // Dates that had succeeded still have.
      expect(await runTable(lake, source, dates[1])).toMatchObject({ status: 'skipped' });
      expect(await watermark(lake, 'orders')).toEqual(before);
      // The row that came late, and nothing else.
      expect(rowsOf(await runTable(lake, source, dates[2]))).toBe(1);
      expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
      await expectLast(lake, server, { table, columns: COLUMNS });
      await expectSound(lake);
    });
    // Only the table of watermarks: the events say the same.
    rmSync(join(root, 'metadata', 'watermark'), { recursive: true });
    await withLake(root, async (lake) => {
      expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
      expect(await watermark(lake, 'orders')).toMatchObject({ watermark_column: 'at' });
      await expectSound(lake);
    });
  });

  /** The server as it is now; call the result to have it so again. */
  async function backup(): Promise<() => Promise<void>> {
    const copy = join(tempFolder(), 'copy');
    await server.stop();
    execFileSync('cp', ['-a', server.data, copy]);
    await server.restart();
    return async () => {
      await server.stop();
      rmSync(server.data, { recursive: true });
      execFileSync('cp', ['-a', copy, server.data]);
      await server.restart();
    };
  }

  it.each(['timestamp', 'integer'])('a server that is restored from a backup is read anew (%s)', async (type) => {
    const table = await create();
    await server.sql(`ALTER TABLE ${table} ADD COLUMN serial bigint GENERATED ALWAYS AS IDENTITY`);
    const lake = await openLake();
    const column = type === 'integer' ? { column: 'serial', type } : 'at';
    const source = await tableSource(server, { table, key: 'id', ...incremental(column) });
    await runTable(lake, source, next());
    const restore = await backup();
    await server.sql(`UPDATE ${table} SET note = 'lost', at = now() WHERE id = 1`);
    await server.sql(`INSERT INTO ${table} (id, note) SELECT n, 'lost' FROM generate_series(30, 39) AS n`);
    await runTable(lake, source, next());
    await restore();
    // The numbers of the lost rows are given out again.
    await server.sql(`INSERT INTO ${table} (id, note) SELECT n, 'after' FROM generate_series(30, 44) AS n`);
    const result = await runTable(lake, source, next());
    const notes = result.files.flatMap((file) => file.notes);
    expect([...notes, ...result.warnings]).toContainEqual(expect.stringContaining('restored'));
    // A row that is as it was before what was lost has that version twice.
    const compared = { table, target: source.target, columns: [...COLUMNS, 'serial'], key: 'id' };
    const same = { missing: 0, extra: 0 };
    expect(await differences(lake, server, compared)).toMatchObject(same);
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await server.sql(`INSERT INTO ${table} (id, note) VALUES (50, 'more')`);
    expect(await runTable(lake, source, next())).toMatchObject({ rows: 1, warnings: [] });
    expect(await differences(lake, server, compared)).toMatchObject(same);
    await expectSound(lake);
  });

  it('another watermark reads everything once, and nothing is there twice', async () => {
    const table = await create();
    const lake = await openLake();
    const source = (column: unknown): Promise<ResolvedSource> =>
      tableSource(server, { table, key: 'id', ...incremental(column) });
    await runTable(lake, await source('at'), next());
    await server.sql(`UPDATE ${table} SET note = 'unseen' WHERE id = 2`);
    const numbered = await source({ column: 'n', type: 'integer' });
    const changed = await runTable(lake, numbered, next());
    expect(changed).toMatchObject({ rows: 1, warnings: [expect.stringContaining('the whole table is read')] });
    expect(await watermark(lake, 'orders')).toMatchObject({ watermark_column: 'n', watermark_value: '10' });
    await server.sql(`INSERT INTO ${table} VALUES (11, 'new', 11, '2020-01-01')`);
    expect(await runTable(lake, numbered, next())).toMatchObject({ rows: 1, warnings: [] });
    await expectLast(lake, server, { table, columns: COLUMNS });
    // What changes without its watermark comes with a full refresh, also of a date that has succeeded.
    await server.sql(`UPDATE ${table} SET note = 'unseen again' WHERE id IN (1, 2)`);
    const date = next();
    expect(rowsOf(await runTable(lake, numbered, date))).toBe(0);
    expect(rowsOf(await runTable(lake, numbered, { ...date, fullRefresh: true }))).toBe(2);
    expect(rowsOf(await runTable(lake, numbered, { ...date, fullRefresh: true }))).toBe(0);
    await expectLast(lake, server, { table, columns: COLUMNS });
    await expectSound(lake);
  });

  it.each([
    ['committed', 'incremental'],
    ['prepared', 'incremental'],
    ['extracted', 'incremental'],
    ['committed', 'full'],
    ['prepared', 'full'],
  ])('a run that waits at %s while another one takes over loads nothing twice (%s)', async (step, load) => {
    const table = await create();
    const root = tempFolder();
    const how = load === 'full' ? { deletes: 'tombstone' } : incremental('at');
    const source = await tableSource(server, { table, key: 'id', ...how });
    const [lake, other] = [await openLake({ root }), await openLake({ root })];
    await runTable(lake, source, next());
    await server.sql(`UPDATE ${table} SET note = 'changed', at = now() WHERE id < 4`);
    await server.sql(`DELETE FROM ${table} WHERE id = 10`);
    const date = next();
    let met = false;
    const first = await lake.ingest(
      { sources: [source], ...date },
      {
        onStep: async (reached) => {
          if (reached !== step || met) return;
          met = true;
          // Without being told to, the other one does nothing.
          await expect(other.ingest({ sources: [source], ...date })).rejects.toMatchObject({
            code: 'LOCKED',
            exitCode: 5,
          });
          await server.sql(`UPDATE ${table} SET note = 'later', at = now() WHERE id = 5`);
          await runTable(other, source, { ...date, takeOver: true, rerun: true });
        },
      },
    );
    expect([met, first.status]).toEqual([true, 'success']);
    if (load === 'full') {
      const { rows } = await lake.select(
        `SELECT count(*) AS n, count(DISTINCT id) AS ids FROM ${source.target} WHERE _ingest_date = '${date.date}'`,
      );
      expect(rows).toEqual([{ n: 10n, ids: 10n }]);
      expect(
        await differences(lake, server, { table, target: source.target, columns: COLUMNS, key: 'id' }),
      ).toMatchObject({ missing: 0, extra: 0 });
    } else {
      const gone = `INSERT INTO ${table} SELECT n, 'row ' || n, n, timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(10, 10) AS n`;
      await server.sql(gone);
      await expectLast(lake, server, { table, columns: COLUMNS });
      expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    }
    await expectSound(lake);
  });

  it('a run that meets the commit of one that has died since goes on with it', async () => {
    const table = await create();
    const root = join(tempFolder(), 'lake');
    const source = await tableSource(server, { table, key: 'id', ...incremental('at') });
    const lake = await openLake({ root });
    const [first, second] = [next(), next()];
    let met = 0;
    const result = await lake.ingest(
      { sources: [source], ...second },
      {
        onStep: async (step) => {
          if (step !== 'extracted' || met++ > 0) return;
          const run = { root, source, request: { ...first, takeOver: true } };
          expect((await runInChild(run, { step: 'committed', occurrence: 1 })).signal).toBe('SIGKILL');
        },
      },
    );
    // Read again once: what the other one has brought is not new.
    expect([met, result.status, result.rows]).toEqual([2, 'success', 0]);
    await expectLast(lake, server, { table, columns: COLUMNS });
    expect(rowsOf(await runTable(lake, source, next()))).toBe(0);
    await expectSound(lake);
  });

  it('one server that is down leaves the others alone, and the command ends with 3', async () => {
    const [one, two] = [await create(), await create()];
    const folder = tempFolder();
    const source = (connection: string, table: string) => ({ connection, table, key: 'id', ...incremental('at') });
    writeConfig(folder, {
      connections: { shop: shopConnection(folder, server), away: shopConnection(folder, server, 1) },
      sources: {
        one: source('shop', one),
        away: source('away', one),
        two: source('shop', two),
        full: { connection: 'shop', table: two, into: 'bronze.full' },
      },
    });
    for (const jobs of ['1', '3']) {
      const args = ['ingest', '--jobs', jobs, ...['--date', next().date], '-o', 'json'];
      const { code, stdout, stderr } = await runCli(args, { cwd: folder });
      const { sources } = JSON.parse(stdout) as IngestResult;
      expect(code, stderr).toBe(3);
      expect(sources.map(({ source: name, status, error_code }) => [name, status, error_code])).toEqual([
        ['one', 'success', null],
        ['away', 'failed', 'CONNECTION'],
        ['two', 'success', null],
        ['full', 'success', null],
      ]);
    }
    await withLake(join(folder, 'lake'), async (lake) => {
      for (const table of [one, two]) await expectLast(lake, server, { table, columns: COLUMNS });
      expect((await lake.select('SELECT count(*) AS n FROM bronze.full')).rows).toEqual([{ n: 20n }]);
      await expectSound(lake);
    });
  });
});
