import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { hasFileEvents, readFileEvents } from '../../../src/ingest/events/read-events.js';
import { acquireLease } from '../../../src/ingest/load/lease.js';
import type { FileEvent } from '../../../src/ingest/model.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import { explain } from '../../../src/ingest/report/explain.js';
import { overview } from '../../../src/ingest/report/overview.js';
import { columns, sql } from '../../support/delta.js';
import { fileEvent, recordEvents, second, sha } from '../../support/file-events.js';
import { decideIn, deliver, ENDINGS, emptyWorld, request } from '../../support/ingest-model.js';
import { openLake } from '../../support/lake.js';

const LINEAGE = {
  n: 'BIGINT',
  _file_sha: 'VARCHAR',
  _run_id: 'VARCHAR',
  _row_no: 'BIGINT',
  _source_path: 'VARCHAR',
  _rescued_data: 'VARCHAR',
  _ingest_date: 'DATE',
};

async function reading() {
  const lake = await openLake();
  return { lake, deps: { session: await lake.session(), catalog: lake.catalog } };
}

describe('a story', () => {
  test('counts the rows that are in the target, and names the path that holds the bytes of another', async () => {
    const { lake, deps } = await reading();
    const alias = { status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' } as const;
    await recordEvents(lake, [
      fileEvent({ path: 'a.csv', seq: 1, rows: 3, batch: 1 }),
      fileEvent({ path: 'b.csv', seq: 2, ...alias }),
    ]);
    const table = lake.table('bronze.daily');
    await table.create({ schema: columns(LINEAGE), partitionColumns: ['_ingest_date'] });
    await table.append(
      sql(`SELECT n, '${sha('a')}' AS _file_sha, 'run-1' AS _run_id, n AS _row_no, 'a.csv' AS _source_path,
        NULL::VARCHAR AS _rescued_data, DATE '2026-01-02' AS _ingest_date FROM range(3) r(n)`),
    );
    const { files } = await explain(deps, { subject: sha('a'), now: 0 });
    expect(files.map(({ path, now }) => [path, now.loaded, now.held_under])).toEqual([
      ['a.csv', [{ sha: sha('a'), rows: 3, run_id: 'run-1', loaded_at: second(1) }], null],
      ['b.csv', [], 'a.csv'],
    ]);
    expect(files[1]?.now.again?.rule).toBe('same_bytes_same_path');
  });

  test('goes by the policy of the source when it says what would happen', async () => {
    const { lake, deps } = await reading();
    await recordEvents(lake, [fileEvent({ status: 'FAILED', rule: 'dead_letter', attempt: 3 })]);
    const retry = { maxAttempts: 9, baseDelayMs: 0, maxDelayMs: 0 };
    const again = async (policyOf?: () => { correction: 'hold'; retry: typeof retry }) =>
      (await explain(deps, { subject: 'a.csv', now: 0, ...(policyOf && { policyOf }) })).files[0]?.now.again?.rule;
    expect(await again()).toBe('dead_letter');
    expect(await again(() => ({ correction: 'hold', retry }))).toBe('retry');
  });
});

/** Numbers that look random and are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    yield x >>> 8;
  }
}

/** A history that ends somewhere, and how many rows it leaves when each load has ten. */
function history(source: string, seed: number): { events: FileEvent[]; files: number; rows: number } {
  const next = numbers(seed);
  const pick = <T>(from: readonly T[]): T => from[Number(next.next().value) % from.length] as T;
  let world = emptyWorld(pick(['replace', 'append', 'hold']));
  for (let i = 0; i < 10; i++) {
    const file = { path: pick(['p', 'q', 'r']), sha: sha(pick(['a', 'b', 'c'])) };
    if (world.steps.length > 0 && pick([true, false, false])) world = request(world, file);
    world = deliver(world, file, {
      decision: decideIn(world, file),
      ending: pick([...ENDINGS, 'soon', 'soon', 'soon']),
    });
  }
  const events = world.events.map((event) => ({ ...event, source, runId: `${source}-${event.runId}`, rows: 10 }));
  const loads = [...world.rows.values()];
  return { events, files: loads.filter((rows) => rows.length > 0).length, rows: loads.flat().length * 10 };
}

function backlogOf(states: FileStates) {
  const last = states.paths().flatMap((path) => {
    const ended = states.history(path).filter((event) => event.status !== 'PROCESSING' && !event.reprocess);
    return ended.at(-1) ?? [];
  });
  const failed = last.filter(({ status }) => status === 'FAILED' || status === 'RETRYING');
  const final = failed.filter(({ nextRetryAt }) => nextRetryAt === null);
  return {
    waiting: failed.length - final.length,
    failed: final.filter(({ rule }) => rule !== 'dead_letter').length,
    dead_letter: final.filter(({ rule }) => rule === 'dead_letter').length,
    held: last.filter(({ status }) => status === 'QUARANTINED').length,
    in_progress: states.open().length,
  };
}

describe('an overview', () => {
  test('counts what decisions go by, for histories of all kinds', async () => {
    const { lake, deps } = await reading();
    const made = Array.from({ length: 60 }, (_, i) => [`s${String(i).padStart(2, '0')}`, i + 1] as const);
    const histories = made.map(([source, seed]) => ({ source, ...history(source, seed) }));
    for (const { events } of histories.slice(0, 5)) await recordEvents(lake, events, 'writer');
    // Most of them at once: how events are spread over commits is another test's business.
    const others = histories.slice(5).flatMap(({ events }) => events);
    await recordEvents(lake, others, 'writer');
    const states = async (source: string) => new FileStates((await readFileEvents(deps, { source })).events);
    const told = await overview(deps, { now: Date.parse(second(5000)), host: hostname() });
    expect(told.map(({ source }) => source)).toEqual(histories.map(({ source }) => source));
    for (const count of ['rows', 'waiting', 'failed', 'dead_letter', 'held', 'in_progress'] as const) {
      expect(
        told.reduce((sum, one) => sum + one[count], 0),
        count,
      ).toBeGreaterThan(0);
    }
    for (const [i, { source, files, rows }] of histories.entries()) {
      const { waiting, failed, dead_letter, held, in_progress, ...rest } = told[i] ?? told[0]!;
      expect({ source, files: rest.files, rows: rest.rows }).toEqual({ source, files, rows });
      expect({ source, waiting, failed, dead_letter, held, in_progress }).toEqual({
        source,
        ...backlogOf(await states(source)),
      });
    }
  });

  test('says who is loading, and whether they live', async () => {
    const { lake, deps } = await reading();
    await recordEvents(lake, [fileEvent({ businessDate: '2020-02-24' })]);
    expect(await hasFileEvents(deps, { source: 'daily', target: 'bronze.daily' })).toBe(true);
    expect(await hasFileEvents(deps, { source: 'daily', target: 'bronze.other' })).toBe(false);
    const holder = { runId: 'run-9', pid: process.pid, host: hostname(), actor: 'tester' };
    const lease = await acquireLease({ store: lake.catalog.store, name: 'bronze.daily', holder, clock: systemClock });
    const look = async (now: number) => (await overview(deps, { now, host: hostname() }))[0];
    expect(await look(Date.now())).toMatchObject({
      state: 'loading',
      newest_business_date: '2020-02-24',
      lock: { run_id: 'run-9', pid: process.pid, alive: true },
    });
    expect(await look(Date.now() + 3_600_000)).toMatchObject({ state: 'ok', lock: { alive: false } });
    await lease.release();
    expect(await look(Date.now())).toMatchObject({ state: 'ok', lock: null });
  });
});
