import { expect } from 'vitest';
import type { Lake } from '../../src/lake.js';
import type { PostgresServer } from './postgres-server.js';
import { differences, doubled } from './shop.js';

/** Days of 2026, one for each run. */
export function runDays(): () => { readonly date: string } {
  let day = 0;
  return () => ({ date: new Date(Date.UTC(2026, 0, ++day)).toISOString().slice(0, 10) });
}

/** What an incremental source is written as. */
export function incremental(watermark: unknown, more: object = {}): Readonly<Record<string, unknown>> {
  return { load: 'incremental', watermark, ...more };
}

/** The last row of each `id` in bronze is what the table has, and no row is there twice. */
export async function expectLast(
  lake: Lake,
  server: PostgresServer,
  at: { readonly table: string; readonly columns: readonly string[]; readonly target?: string },
): Promise<void> {
  const { table, columns, target = `bronze.shop_${table}` } = at;
  expect(await differences(lake, server, { table, target, columns, key: 'id' })).toMatchObject({
    missing: 0,
    extra: 0,
  });
  expect(await doubled(lake, target, 'id')).toBe(0);
}

/** Something is committed that was written before a run, which is while its transaction is open. `meanwhile` is committed before that run. */
export async function around(
  server: PostgresServer,
  at: { readonly write: string; readonly meanwhile?: string },
  run: () => Promise<unknown>,
): Promise<void> {
  const late = await server.client();
  await late.query('BEGIN');
  await late.query(at.write);
  if (at.meanwhile !== undefined) await server.sql(at.meanwhile);
  await run();
  await late.query('COMMIT');
  await late.end();
}
