import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResolvedSource } from '../../src/ingest/config/source-config.js';
import { type Step, TABLE_STEPS } from '../../src/ingest/context.js';
import type { Lake } from '../../src/lake.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { type ChildRun, runInChild, type Stop, stepsInChild } from '../support/service-child.js';
import { expectSound, manifestsOf, visibleRows, withLake } from '../support/service-lake.js';
import { differences, doubled, runTable, tableSource } from '../support/shop.js';
import { tempFolder } from '../support/temp-folder.js';

/** Also every pair of a kill and a kill of the run that recovers. */
const ALL = process.env['SERVICE_ALL_STOPS'] !== undefined;
const DAY = '2026-03-03';
const NEXT_DAY = '2026-03-04';
const COLUMNS = ['id', 'amount', 'note', 'updated_at'];
const INCREMENTAL = { load: 'incremental', watermark: 'updated_at', key: 'id' };
const FULL = { load: 'full', key: 'id', deletes: 'tombstone' };

/** A table, how it is loaded, and what happened before the run that is killed. */
interface Scene {
  readonly name: string;
  readonly source: Readonly<Record<string, unknown>>;
  /** Rows that the run brings. */
  readonly rows: number;
  /** Those that the run comes to. */
  readonly steps: readonly string[];
  readonly rerun?: boolean;
  before?(scene: { lake: Lake; source: ResolvedSource; table: string }): Promise<void>;
}

const ROWS = 60;
let server: PostgresServer;

/** Rows with equal times, rows without a time, one in the future. */
async function fill(table: string): Promise<void> {
  await server.sql(`
    CREATE TABLE ${table} (id int PRIMARY KEY, amount numeric(12,2), note text, updated_at timestamptz);
    INSERT INTO ${table} SELECT n, n / 4.0, CASE n % 3 WHEN 0 THEN NULL ELSE 'note ' || n END,
      CASE WHEN n % 20 = 0 THEN NULL WHEN n = 1 THEN now() + interval '1 hour' ELSE timestamptz '2026-01-01 00:00:00+00' + n / 6 * interval '1 minute' END
    FROM generate_series(1, ${ROWS}) AS n`);
}

/** Two runs, and a transaction that was open in the second one and ends after it. */
async function change({ lake, source, table }: { lake: Lake; source: ResolvedSource; table: string }): Promise<void> {
  await runTable(lake, source, { date: '2026-03-01' });
  const late = await server.client();
  await late.query('BEGIN');
  await late.query(`INSERT INTO ${table} SELECT n, n, 'late', now() FROM generate_series(901, 905) AS n`);
  await server.sql(`INSERT INTO ${table} SELECT n, n, 'new', now() FROM generate_series(101, 103) AS n`);
  await runTable(lake, source, { date: '2026-03-02' });
  await late.query('COMMIT');
  await late.end();
  await server.sql(`UPDATE ${table} SET amount = amount + 1, updated_at = now() WHERE id BETWEEN 10 AND 19`);
  await server.sql(`UPDATE ${table} SET note = 'without a time' WHERE id IN (20, 40)`);
}

const SCENES: readonly Scene[] = [
  { name: 'first', source: INCREMENTAL, rows: ROWS, steps: TABLE_STEPS },
  // Ten that changed, five that came late, two without a time.
  { name: 'changes', source: INCREMENTAL, rows: 17, steps: TABLE_STEPS, before: change },
  {
    name: 'nothing',
    source: INCREMENTAL,
    rows: 0,
    steps: ['planned', 'extracted', 'run_recorded', 'manifest_written'],
    before: async (scene) => {
      await change(scene);
      await runTable(scene.lake, scene.source, { date: '2026-03-02', rerun: true });
    },
  },
  {
    name: 'rerun',
    source: FULL,
    // 60, two more, five that are gone, which have a tombstone.
    rows: ROWS + 2,
    steps: TABLE_STEPS,
    rerun: true,
    before: async ({ lake, source, table }) => {
      await runTable(lake, source, { date: '2026-03-02' });
      await server.sql(`DELETE FROM ${table} WHERE id BETWEEN 1 AND 3`);
      await runTable(lake, source, { date: DAY });
      await server.sql(`DELETE FROM ${table} WHERE id BETWEEN 4 AND 5`);
      await server.sql(`INSERT INTO ${table} VALUES (201, 1, 'more', now()), (202, 2, 'more', now())`);
      await server.sql(`UPDATE ${table} SET amount = -1 WHERE id = 30`);
    },
  },
];

/** What must be the same however often the run was killed. */
interface Outcome {
  readonly watermark: unknown;
  readonly rows: number;
  /** By the manifest of the last success. */
  readonly fingerprint: unknown;
}

const COMMITTED = TABLE_STEPS.indexOf('committed');

/** Whether a process that dies after this step has committed. */
function hasCommitted({ step }: Pick<Stop, 'step'>): boolean {
  return TABLE_STEPS.indexOf(step) >= COMMITTED;
}

async function watermarkOf(lake: Lake): Promise<unknown> {
  if (!(await lake.catalog.names()).includes('metadata.watermark')) return undefined;
  const { rows } = await lake.select(
    'SELECT source_name, target, watermark_column, watermark_value, watermark_type, late_from FROM metadata.watermark',
  );
  return rows;
}

/** Everything that a run has to bring is there, once, and the ledger says so. */
async function expectDone(
  scene: Scene,
  at: { readonly lake: Lake; readonly root: string; readonly source: ResolvedSource; readonly table: string },
): Promise<Outcome> {
  const { lake, root, source, table } = at;
  const { target } = source;
  expect(await differences(lake, server, { table, target, columns: COLUMNS, key: 'id' })).toMatchObject({
    missing: 0,
    extra: 0,
  });
  if (scene.rerun !== true) expect(await doubled(lake, target, 'id')).toBe(0);
  await expectSound(lake);
  const successes = (await manifestsOf(lake, source.name, DAY)).filter(({ status }) => status === 'success');
  const outputs = successes.map((one) => one.outputs[`shop/public.${table}`]);
  expect(outputs.at(-1)).toMatchObject({
    target,
    rows: scene.rows,
    fingerprint: expect.stringMatching(/^[0-9a-f]{16}-\d+$/),
  });
  const days = await lake.select(`SELECT count(*) AS n FROM ${target} WHERE _ingest_date = '${DAY}'`);
  expect(days.rows).toEqual([{ n: BigInt(scene.rows) }]);
  const { fingerprint } = outputs.at(-1) ?? {};
  return { watermark: await watermarkOf(lake), rows: visibleRows(root, target), fingerprint };
}

/** How often a date has succeeded by its manifests. */
async function successesOf(lake: Lake, source: string): Promise<number> {
  return (await manifestsOf(lake, source, DAY)).filter(({ status }) => status === 'success').length;
}

describe.skipIf(postgresMissing() !== undefined)('a run over a table that is killed', () => {
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.remove());

  it.each(SCENES)('at every step ($name) is made good by the next one', async (scene) => {
    const table = `orders_${scene.name}`;
    await fill(table);
    const source = await tableSource(server, { ...scene.source, table }, { name: scene.name });
    const request = { date: DAY, ...(scene.rerun === undefined ? {} : { rerun: scene.rerun }) };
    const folder = tempFolder();
    const base = join(folder, 'base', 'lake');
    await withLake(base, async (lake) => {
      await scene.before?.({ lake, source, table });
      await lake.init();
    });
    const hasTable = existsSync(join(base, ...source.target.split('.')));
    const rowsBefore = hasTable ? visibleRows(base, source.target) : 0;
    const successesBefore = await withLake(base, (lake) => successesOf(lake, scene.name));

    const copy = (name: string): ChildRun => {
      const root = join(folder, name, 'lake');
      cpSync(base, root, { recursive: true, preserveTimestamps: true });
      return { root, source, request };
    };
    const quiet = copy('quiet');
    const steps = await stepsInChild(quiet);
    expect(scene.steps.filter((step) => !steps.some((one) => one.step === step))).toEqual([]);
    const expected = await withLake(quiet.root, (lake) => expectDone(scene, { lake, root: quiet.root, source, table }));

    /** Killed, perhaps the run after it too; then a run to its end. */
    const killed = async (stop: Stop, again: Step): Promise<void> => {
      const run = copy('killed');
      const end = await runInChild(run, stop);
      expect(end.signal, end.stderr).toBe('SIGKILL');
      // Nobody sees a half: the table is as before the run or as after it.
      if (existsSync(join(run.root, ...source.target.split('.'), '_delta_log', `${'0'.repeat(20)}.json`))) {
        expect([rowsBefore, expected.rows]).toContain(visibleRows(run.root, source.target));
      }
      const second = { step: again, occurrence: 1 };
      await runInChild(run, second);
      await withLake(run.root, async (lake) => {
        if (scene.rerun === true) {
          // Not asked to, a run says how the others ended and leaves the date alone, for it had succeeded before.
          const { status } = await runTable(lake, source, { date: DAY });
          expect(status).toBe('skipped');
          await expectSound(lake);
        }
        await runTable(lake, source, request);
        const outcome = await expectDone(scene, { lake, root: run.root, source, table });
        expect(outcome).toEqual(expected);
        const successes = (await successesOf(lake, scene.name)) - successesBefore;
        // A run that is asked to load again does; all others find the date done. One that was killed after its commit has succeeded.
        expect(successes).toBe(scene.rerun === true ? 1 + [stop, second].filter(hasCommitted).length : 1);
        const next = await runTable(lake, source, { date: NEXT_DAY });
        if (scene.source === INCREMENTAL) expect(next.rows).toBe(0);
        else expect(next.rows).toBe(ROWS - 3);
      });
      rmSync(join(run.root, '..'), { recursive: true });
    };
    for (const [i, stop] of steps.entries()) {
      // With SERVICE_ALL_STOPS the run that recovers is cut short at each of its steps.
      const stops = ALL ? TABLE_STEPS : TABLE_STEPS.slice((i * 5 + scene.name.length) % TABLE_STEPS.length).slice(0, 1);
      for (const again of stops) {
        await killed(stop, again).catch((error: unknown) => {
          throw new Error(`killed at ${stop.step} ${stop.occurrence}, then at ${again} (${scene.name})`, {
            cause: error,
          });
        });
      }
    }
    console.log(`${scene.name}: killed at ${steps.map(({ step }) => step).join(', ')}`);
  });

  it('at every step loses nothing that changes before the next one', async () => {
    const table = 'orders_moving';
    await fill(table);
    const source = await tableSource(server, { ...INCREMENTAL, table }, { name: 'moving' });
    const root = join(tempFolder(), 'lake');
    const runs = new Map<string, boolean>();
    await withLake(root, (lake) => runTable(lake, source, { date: '2026-02-28' }));
    for (const [i, step] of TABLE_STEPS.entries()) {
      const date = (day: number) => `2026-03-${String(day).padStart(2, '0')}`;
      const day = date(2 * i + 1);
      // Some rows are there, some are about to be committed while the run is killed, some come after it.
      const change = (from: number, note: string) =>
        `INSERT INTO ${table} SELECT n, n, '${note}', now() FROM generate_series(${from}, ${from + 2}) AS n
         ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note, updated_at = now()`;
      const late = await server.client();
      await late.query('BEGIN');
      await late.query(change(1000 + i, `late ${step}`));
      await server.sql(change(50 + i, `before ${step}`));
      const end = await runInChild({ root, source, request: { date: day } }, { step, occurrence: 1 });
      expect(end.signal, end.stderr).toBe('SIGKILL');
      await late.query('COMMIT');
      await late.end();
      await server.sql(change(52 + i, `after ${step}`));
      await withLake(root, async (lake) => {
        await runTable(lake, source, { date: date(2 * i + 2) });
        const compared = { table, target: source.target, columns: COLUMNS, key: 'id' };
        expect(await differences(lake, server, compared), step).toMatchObject({ missing: 0, extra: 0 });
        expect(await doubled(lake, source.target, 'id')).toBe(0);
        runs.set(day, hasCommitted({ step }));
      });
    }
    await withLake(root, async (lake) => {
      await expectSound(lake);
      // The dates of runs that had committed are done, whoever said so; the others are gaps.
      for (const [day, committed] of runs) {
        const statuses = (await manifestsOf(lake, source.name, day)).map(({ status }) => status);
        expect([day, statuses]).toEqual([day, committed ? ['success'] : []]);
      }
    });
  });
});
