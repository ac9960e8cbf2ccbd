import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomNumbers } from '../crash/made-manifests.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { type Kills, killSome, ownScratch, runToEnd, shopConnection, writeConfig } from '../support/service-cli.js';
import { expectSound, manifestsOf, withLake } from '../support/service-lake.js';
import { differences, doubled } from '../support/shop.js';
import { tempFolder } from '../support/temp-folder.js';

const WANTED = Number(process.env['SERVICE_KILLS'] ?? 25);
const SEED = Number(process.env['SERVICE_SEED'] ?? 1);
const ROWS = 200_000;
const SOURCES = {
  orders: { connection: 'shop', table: 'orders', load: 'incremental', watermark: 'updated_at', key: 'id' },
  stock: { connection: 'shop', table: 'stock', deletes: 'tombstone', key: 'id' },
};
const ORDERS = { table: 'orders', target: 'bronze.shop_orders', key: 'id', columns: ['id', 'note', 'updated_at'] };
const STOCK = { table: 'stock', target: 'bronze.shop_stock', key: 'id', columns: ['id', 'pieces'] };

describe.skipIf(postgresMissing() !== undefined)('tables and a command that is killed at any moment', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
    await server.sql(`
      CREATE TABLE orders (id bigint PRIMARY KEY, note text, updated_at timestamptz NOT NULL);
      INSERT INTO orders SELECT n, 'order ' || n, timestamptz '2025-01-01 00:00:00+00' + n / 7 * interval '1 second' FROM generate_series(1, ${ROWS}) AS n;
      CREATE TABLE stock (id int PRIMARY KEY, pieces int NOT NULL);
      INSERT INTO stock SELECT n, n % 100 FROM generate_series(1, ${ROWS / 4}) AS n;`);
  });
  afterAll(() => server?.remove());

  /** Connections that the killed processes have left. */
  async function leftConnections(): Promise<number> {
    const [row] = await server.sql(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'lakeledger'`,
    );
    return Number(row?.['n']);
  }

  it(`are whole and without doubles after ${WANTED} kills`, async () => {
    ownScratch();
    const random = randomNumbers(SEED);
    const state: Kills = { wanted: WANTED, random, kills: 0, ended: 0, duration: 3000 };
    const folder = tempFolder();
    const root = join(folder, 'lake');
    writeConfig(folder, { connections: { shop: shopConnection(folder, server) }, sources: SOURCES });
    let rounds = 0;
    for (; state.kills < WANTED; rounds++) {
      const date = `2026-03-${String(1 + rounds).padStart(2, '0')}`;
      const late = await server.client();
      await late.query('BEGIN');
      const new_ = (note: string) =>
        `INSERT INTO orders SELECT max(id) + n, '${note} ${rounds}', now() FROM orders, generate_series(1, 50) AS n GROUP BY n`;
      await server.sql(new_('new'));
      await server.sql(`UPDATE orders SET note = 'changed ${rounds}', updated_at = now() WHERE id % 500 = ${rounds}`);
      await late.query(
        `UPDATE orders SET note = 'late ${rounds}', updated_at = now() WHERE id % 500 = ${100 + rounds}`,
      );
      await server.sql(`UPDATE stock SET pieces = pieces + 1 WHERE id % 100 = ${rounds}`);
      await server.sql(`DELETE FROM stock WHERE id % 1000 = ${rounds}`);
      await killSome(folder, ['ingest', '--date', date], state);
      await server.sql(new_('more'));
      await killSome(folder, ['ingest', '--date', date], state);
      await late.query('COMMIT');
      await late.end();
      const last = await runToEnd(folder, ['ingest', '--date', date, '-o', 'json'], state);
      expect(last.code, last.stderr).toBe(0);
      // A run that was killed after its commit has done the date: what came after it is for the next one.
      const next = await runToEnd(folder, ['ingest', '--date', date, '--rerun', '-o', 'json'], state);
      expect(next.code, next.stderr).toBe(0);
      await withLake(root, async (lake) => {
        const where = `round ${rounds}, seed ${SEED}, after ${state.kills} kills`;
        for (const compared of [ORDERS, STOCK]) {
          expect(await differences(lake, server, compared), where).toMatchObject({ missing: 0, extra: 0 });
        }
        expect(await doubled(lake, 'bronze.shop_orders', 'id'), where).toBe(0);
        // One snapshot of a date, whoever brought it.
        const { rows } = await lake.select(
          `SELECT count(*) = count(DISTINCT id) AS once, count(DISTINCT _file_sha) AS loads FROM bronze.shop_stock WHERE _ingest_date = '${date}'`,
        );
        expect(rows, where).toEqual([{ once: true, loads: 1n }]);
        for (const source of ['orders', 'stock']) {
          const manifests = await manifestsOf(lake, source, date);
          expect(manifests.some(({ status }) => status === 'success')).toBe(true);
          expect(manifests.filter(({ status }) => status === 'failed')).toEqual([]);
        }
      });
    }
    await expect.poll(leftConnections, { timeout: 20_000 }).toBe(0);
    await withLake(root, expectSound);
    console.log(`${state.kills} kills in ${rounds} rounds, ${state.ended} runs that were done before theirs`);
  });
});
