import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lake } from '../../src/lake.js';
import { openLake } from '../support/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { differences, doubled, runTable, tableSource } from '../support/shop.js';

const ROWS = 1_000_000;
const ORDERS = { table: 'public.orders', load: 'incremental', watermark: 'updated_at', key: 'id' };
const COMPARED = { table: 'orders', target: 'bronze.shop_orders', key: 'id' };

async function watermark(lake: Lake) {
  const { rows } = await lake.select("SELECT * FROM metadata.watermark WHERE source_name = 'orders'");
  expect(rows).toHaveLength(1);
  return rows[0] as Record<string, unknown>;
}

/** Days of March 2026, one for each run. */
function days(): () => string {
  let day = 0;
  return () => `2026-03-${String(++day).padStart(2, '0')}`;
}

describe.skipIf(postgresMissing() !== undefined)('the flow of seed 002 on a real database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
    await server.sql(`
      CREATE TYPE channel AS ENUM ('web', 'shop');
      CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2), tags text[], meta jsonb);
      INSERT INTO products SELECT n, 'product ' || n, n * 1.25, ARRAY['a', n::text], jsonb_build_object('n', n) FROM generate_series(1, 500) AS n;
      CREATE TABLE orders (
        id bigserial PRIMARY KEY, product_id int NOT NULL, amount numeric(12,2), note text, via channel,
        placed date, token uuid, payload bytea, updated_at timestamptz NOT NULL DEFAULT now());
      INSERT INTO orders (product_id, amount, note, via, placed, token, payload, updated_at)
      SELECT 1 + n % 500, (n % 10000) / 100.0, CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a "quoted", note' ELSE E'two\\nlines' END,
        (CASE n % 2 WHEN 0 THEN 'web' ELSE 'shop' END)::channel, date '2025-01-01' + (n % 365)::int, gen_random_uuid(), decode(md5(n::text), 'hex'),
        timestamptz '2025-01-01 00:00:00+00' + n * interval '1 second' FROM generate_series(1, ${ROWS}) AS n;
      CREATE INDEX ON orders (updated_at);
      ANALYZE orders;`);
  }, 300_000);
  afterAll(() => server?.remove());

  it('is in bronze, deduplicated by key, row by row what the source is', async () => {
    const lake = await openLake();
    const next = days();
    const orders = await tableSource(server, ORDERS);
    const products = await tableSource(server, { table: 'products', key: 'id' }, { name: 'products' });
    const columns = ['id', 'product_id', 'amount', 'note', 'via', 'placed', 'token', 'payload', 'updated_at'];
    // bytea and arrays have texts of their own in the target; they are compared by the type tests.
    const plain = columns.filter((name) => name !== 'payload');
    const compare = (more: readonly string[] = []) =>
      differences(lake, server, { ...COMPARED, columns: [...plain, ...more] });

    // Full, and the first run of an incremental load, which is full.
    const first = next();
    const both = await lake.ingest({ sources: [products, orders], date: first, environment: 'test' });
    expect(both.sources.map(({ source, status, rows }) => ({ source, status, rows }))).toEqual([
      { source: 'products', status: 'success', rows: 500 },
      { source: 'orders', status: 'success', rows: ROWS },
    ]);
    expect(await compare()).toEqual({ missing: 0, extra: 0, rows: ROWS });
    const folder = await lake.catalog.store.listFolders('bronze/shop_orders');
    expect(folder).toEqual(['_delta_log', `_ingest_date=${first}`]);

    // The date has succeeded: not even a connection is made.
    const unreachable = {
      ...orders,
      connection: { ...orders.connection, server: server.connection('reader', { port: 1 }) },
    };
    const skipped = await lake.ingest({ sources: [unreachable as typeof orders], date: first });
    expect(skipped).toMatchObject({
      status: 'skipped',
      sources: [{ status: 'skipped', reason: expect.stringContaining(first) }],
    });

    // What is new, and what was changed.
    await server.sql(`UPDATE orders SET amount = amount + 1, updated_at = now() WHERE id % 100 = 0`);
    await server.sql(
      `INSERT INTO orders (product_id, amount, via, placed) SELECT 1, n, 'web', current_date FROM generate_series(1, 5000) AS n`,
    );
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: ROWS / 100 + 5000 });
    expect(await compare()).toMatchObject({ missing: 0, extra: 0 });

    // Ties: rows with the very value of the watermark.
    const { watermark_value: value } = await watermark(lake);
    await server.sql(
      `INSERT INTO orders (product_id, amount, note, updated_at) SELECT 2, n, 'tie', $1::timestamptz FROM generate_series(1, 10) AS n`,
      [value],
    );
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 10 });
    // Nothing new: no commit in the target.
    const before = (await lake.catalog.table('bronze.shop_orders').snapshot()).version;
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 0, processed: 0 });
    expect((await lake.catalog.table('bronze.shop_orders').snapshot()).version).toBe(before);

    // A transaction that is open during a run and commits what lies behind the watermark.
    const late = await server.client();
    await late.query('BEGIN');
    await late.query(
      `INSERT INTO orders (product_id, amount, note) SELECT 3, n, 'late' FROM generate_series(1, 7) AS n`,
    );
    await late.query('SAVEPOINT one');
    await late.query(
      `INSERT INTO orders (product_id, amount, note) SELECT 3, n, 'late in a savepoint' FROM generate_series(1, 3) AS n`,
    );
    await late.query('RELEASE one');
    await server.sql(
      `INSERT INTO orders (product_id, amount, note) SELECT 4, n, 'in time' FROM generate_series(1, 20) AS n`,
    );
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 20 });
    expect(await watermark(lake)).toMatchObject({ open_transactions: 1n, late_from: expect.stringMatching(/^\d+$/) });
    // Still open in the next run.
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 0 });
    await late.query('COMMIT');
    await late.end();
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 10 });
    expect(await watermark(lake)).toMatchObject({ open_transactions: 0n, late_from: null });
    expect(await compare()).toMatchObject({ missing: 0, extra: 0 });

    // A column comes, a column gets another type.
    await server.sql(`ALTER TABLE orders ADD COLUMN country text`);
    await server.sql(`UPDATE orders SET country = 'IT', updated_at = now() WHERE id <= 1000`);
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 1000 });
    expect(await compare(['country'])).toMatchObject({ missing: 0, extra: 0 });
    await server.sql(`ALTER TABLE orders ALTER COLUMN amount TYPE numeric(14,4), ALTER COLUMN product_id TYPE bigint`);
    await server.sql(`UPDATE orders SET amount = 1.2345, product_id = 4000000000, updated_at = now() WHERE id <= 10`);
    const retyped = await runTable(lake, orders, { date: next() });
    expect(retyped).toMatchObject({ rows: 10, files: [{ rescued: 10 }] });
    const history = await lake.select(
      "SELECT schema_version, drift FROM metadata.schema_history WHERE dataset = 'bronze.shop_orders' ORDER BY 1",
    );
    expect(history.rows).toHaveLength(3);

    // A reset reads everything again and loads nothing twice.
    const state = await lake.state();
    await state.setWatermark({ source: 'orders', value: null, reason: 'to be sure' });
    expect(await watermark(lake)).toMatchObject({ watermark_value: null, reason: 'to be sure' });
    expect(await runTable(lake, orders, { date: next() })).toMatchObject({ rows: 0 });
    // A value set by hand is where the next run begins.
    await state.setWatermark({ source: 'orders', value: '2025-01-05T00:00:00Z', reason: 'from there' });
    const again = await runTable(lake, orders, { date: next() });
    expect(again.files[0]?.reason).toContain('2025-01-05');
    expect(again).toMatchObject({ rows: 0 });

    expect(await doubled(lake, 'bronze.shop_orders', 'id')).toBe(0);
    const numbers = await lake.select(`SELECT count(*) AS n FROM bronze.shop_orders WHERE _rescued_data IS NOT NULL`);
    expect(numbers.rows).toEqual([{ n: 10n }]);
    // Numbers of another scale are written as their column has them.
    const same = plain.filter((name) => name !== 'amount');
    expect(await differences(lake, server, { ...COMPARED, columns: [...same, 'country'] })).toMatchObject({
      missing: 0,
      extra: 0,
    });
    const { clean, findings } = await state.verify({ depth: 'full' });
    expect({ clean, findings }).toMatchObject({ clean: true });
    // A row that somebody put in the place of another is found by those who look at rows.
    await lake.catalog
      .table('bronze.shop_orders')
      .update({ where: 'id = 1077', set: { note: "'changed'", _row_hash: '1' } });
    expect(await state.verify({ depth: 'light' })).toMatchObject({ clean: true });
    const found = await state.verify({ depth: 'full' });
    expect(found.findings).toMatchObject([{ kind: 'rows_changed', source: 'orders', level: 'error' }]);
    const runs = await lake.select(
      "SELECT status, count(*) AS n FROM metadata.ingestion_run WHERE source_name = 'orders' GROUP BY ALL ORDER BY ALL",
    );
    expect(runs.rows).toEqual([
      { status: 'skipped', n: 1n },
      { status: 'success', n: expect.any(BigInt) },
    ]);
  });
});
