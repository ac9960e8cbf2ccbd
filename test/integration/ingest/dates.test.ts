import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DatePolicy, WEEKDAYS, type Weekday } from '../../../src/ingest/dates/calendar.js';
import { requireNextDate } from '../../../src/ingest/dates/plan-dates.js';
import { discoverLatestSuccessfulDate, discoverNextBusinessDate } from '../../../src/ingest/dates/read-dates.js';
import { waiveDate } from '../../../src/ingest/dates/waive-date.js';
import { overview } from '../../../src/ingest/report/overview.js';
import type { RunManifest } from '../../../src/ledger/runs/run-manifest.js';
import { RunManifests } from '../../../src/ledger/runs/run-manifests.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { HandClock } from '../../support/ingest-desk.js';
import { openLake, recordObjects } from '../../support/lake.js';
import { runManifest } from '../../support/run-manifests.js';
import { tempFolder } from '../../support/temp-folder.js';

const policy = (name: string, fields: Partial<DatePolicy> = {}): DatePolicy => ({
  name,
  enabled: true,
  startDate: null,
  group: 'default',
  calendar: { weekdays: new Set<Weekday>(WEEKDAYS), holidays: new Set() },
  ...fields,
});

/** A pipeline that keeps nothing but the lake: every question opens the lake anew, moved to another place before. */
class Pipeline {
  #root = join(tempFolder(), 'lake');
  readonly #policies = [policy('beds', { startDate: '2026-03-01' }), policy('staff'), policy('visits')];

  get root(): string {
    return this.#root;
  }

  get manifests(): RunManifests {
    return new RunManifests(new LocalStore(this.#root));
  }

  /** Everything but the lake is gone: a copy of its folder, in another place, is all there is. */
  redeploy(): void {
    const next = join(tempFolder(), 'another', 'lake');
    mkdirSync(dirname(next), { recursive: true });
    cpSync(this.#root, next, { recursive: true });
    rmSync(this.#root, { recursive: true });
    this.#root = next;
  }

  /** One run of a source: the skip check comes before anything else. */
  async run(source: string, date: string, how: { ends: 'success' | 'failed'; rerun?: boolean }): Promise<string> {
    const { manifests } = this;
    const check = await manifests.skipCheck(source, date);
    if (check.state === 'succeeded' && how.rerun !== true) return 'skipped';
    await manifests.write(
      runManifest({
        source,
        ingest_date: date,
        status: how.ends,
        rerun: how.rerun ?? false,
        skip_check: { state: check.state, run_id: check.state === 'succeeded' ? check.manifest.run_id : null },
        errors: how.ends === 'failed' ? [{ code: 'CONNECT', message: 'connection lost', place: 'visits' }] : [],
        outputs: how.ends === 'failed' ? {} : { [source]: { target: `bronze.${source}`, rows: 10 } },
      }),
    );
    return `${how.ends} after ${check.state}`;
  }

  corrupt(source: string, date: string, text: string): void {
    const folder = join(this.#root, `_manifests/source=${source}/ingest_date=${date}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'run_id=broken.json'), text);
  }

  async dates(): Promise<unknown> {
    const { sources, groups } = await discoverNextBusinessDate(this.manifests, this.#policies);
    const latest = await Promise.all(
      this.#policies.map(({ name }) => discoverLatestSuccessfulDate(this.manifests, name)),
    );
    expect(sources.map(({ last }) => last)).toEqual(latest);
    return {
      last: Object.fromEntries(sources.map(({ source, last }) => [source, last])),
      gaps: Object.fromEntries(sources.flatMap(({ source, gaps }) => (gaps.length > 0 ? [[source, gaps]] : []))),
      next: groups[0]?.next,
      heldBackBy: groups[0]?.heldBackBy,
    };
  }

  /** The answer, and the same after everything but the lake is deleted. */
  async settled(): Promise<unknown> {
    const before = await this.dates();
    this.redeploy();
    expect(await this.dates()).toEqual(before);
    return before;
  }
}

describe('a pipeline that knows only its run manifests (seed 003)', () => {
  it('knows at every step which day comes next', async () => {
    const pipeline = new Pipeline();
    expect(await pipeline.dates()).toMatchObject({ next: null });
    await expect(async () =>
      requireNextDate(await discoverNextBusinessDate(pipeline.manifests, [policy('staff')])),
    ).rejects.toThrow('staff never succeeded and has no start_date');

    // The first day, and a scheduler that fires twice.
    for (const source of ['beds', 'staff', 'visits']) {
      expect(await pipeline.run(source, '2026-03-01', { ends: 'success' })).toBe('success after not_succeeded');
      expect(await pipeline.run(source, '2026-03-01', { ends: 'success' })).toBe('skipped');
    }
    expect(await pipeline.settled()).toEqual({
      last: { beds: '2026-03-01', staff: '2026-03-01', visits: '2026-03-01' },
      gaps: {},
      next: '2026-03-02',
      heldBackBy: ['beds', 'staff', 'visits'],
    });

    // One source lags: min(latest) + 1 day.
    for (const date of ['2026-03-02', '2026-03-03']) {
      await pipeline.run('beds', date, { ends: 'success' });
      await pipeline.run('staff', date, { ends: 'success' });
    }
    expect(await pipeline.settled()).toMatchObject({ gaps: {}, next: '2026-03-02', heldBackBy: ['visits'] });

    // It fails in the midst of a run; another run died without a word. The same day comes again.
    expect(await pipeline.run('visits', '2026-03-02', { ends: 'failed' })).toBe('failed after not_succeeded');
    expect(await pipeline.settled()).toMatchObject({ next: '2026-03-02', heldBackBy: ['visits'] });
    expect(await pipeline.run('visits', '2026-03-02', { ends: 'success' })).toBe('success after not_succeeded');
    expect(await pipeline.settled()).toMatchObject({ next: '2026-03-03', heldBackBy: ['visits'] });

    // A day is missing behind the newest one: it comes first.
    await pipeline.run('visits', '2026-03-05', { ends: 'success' });
    expect(await pipeline.settled()).toEqual({
      last: { beds: '2026-03-03', staff: '2026-03-03', visits: '2026-03-05' },
      gaps: { visits: ['2026-03-03', '2026-03-04'] },
      next: '2026-03-03',
      heldBackBy: ['visits'],
    });
    await pipeline.run('visits', '2026-03-03', { ends: 'success' });
    await pipeline.run('beds', '2026-03-04', { ends: 'success' });
    expect(await pipeline.settled()).toMatchObject({
      gaps: { visits: ['2026-03-04'] },
      next: '2026-03-04',
      heldBackBy: ['staff', 'visits'],
    });
    await pipeline.run('staff', '2026-03-04', { ends: 'success' });
    await pipeline.run('visits', '2026-03-04', { ends: 'success' });

    // A forced re-run that fails undoes nothing (Decision 5).
    expect(await pipeline.run('beds', '2026-03-02', { ends: 'failed', rerun: true })).toBe('failed after succeeded');
    expect(await pipeline.run('beds', '2026-03-02', { ends: 'success' })).toBe('skipped');
    expect(await pipeline.settled()).toMatchObject({ gaps: {}, next: '2026-03-05', heldBackBy: ['beds', 'staff'] });
  });

  it('runs a day again whose only manifest cannot be read, and is not stopped by others', async () => {
    const pipeline = new Pipeline();
    const days = ['2026-03-01', '2026-03-02', '2026-03-03'];
    for (const source of ['beds', 'staff', 'visits']) {
      for (const date of days) {
        if (source !== 'staff' || date !== '2026-03-02') await pipeline.run(source, date, { ends: 'success' });
      }
    }
    pipeline.corrupt('staff', '2026-03-02', '{"status": "succ');
    pipeline.corrupt('beds', '2026-03-02', '[]');
    pipeline.corrupt('visits', '2026-03-09', '');
    expect(await pipeline.settled()).toEqual({
      last: { beds: '2026-03-03', staff: '2026-03-03', visits: '2026-03-03' },
      gaps: { staff: ['2026-03-02'] },
      next: '2026-03-02',
      heldBackBy: ['staff'],
    });
    const place = '_manifests/source=staff/ingest_date=2026-03-02/run_id=broken.json';
    expect(await pipeline.manifests.skipCheck('staff', '2026-03-02')).toEqual({ state: 'unreadable', places: [place] });
    const { sources } = await discoverNextBusinessDate(pipeline.manifests, [policy('staff'), policy('beds')]);
    expect(sources.map(({ nextState, problems }) => [nextState, problems.map((one) => one.place)])).toEqual([
      ['unreadable', [place]],
      ['missing', ['_manifests/source=beds/ingest_date=2026-03-02/run_id=broken.json']],
    ]);
    expect(await pipeline.run('beds', '2026-03-02', { ends: 'success' })).toBe('skipped');
    expect(await pipeline.run('staff', '2026-03-02', { ends: 'success' })).toBe('success after unreadable');
    expect(await pipeline.run('staff', '2026-03-02', { ends: 'success' })).toBe('skipped');
    expect(await pipeline.settled()).toMatchObject({ gaps: {}, next: '2026-03-04' });
    // The broken files are still there: nothing is ever deleted.
    expect(existsSync(join(pipeline.root, place))).toBe(true);
  });
});

describe('a waiver', () => {
  const waiver = { source: 'orders', date: '2026-03-03', reason: ' closed on that day ', runId: 'w1', actor: 'ana' };

  async function open() {
    const root = join(tempFolder(), 'lake');
    const clock = new HandClock(Date.UTC(2026, 2, 6, 5));
    const lake = await openLake({ root, clock });
    await lake.init();
    const manifests = new RunManifests(lake.catalog.store);
    for (const date of ['2026-03-01', '2026-03-02', '2026-03-04', '2026-03-05']) {
      await manifests.write(runManifest({ ingest_date: date, seq: 1 }));
    }
    const deps = { session: await lake.session(), catalog: lake.catalog, clock };
    const next = async () => (await discoverNextBusinessDate(manifests, [policy('orders')])).sources[0];
    return { root, lake, manifests, deps, next };
  }

  it('is an event of the ledger and a run manifest, and the date is no gap any more', async () => {
    const { lake, root, manifests, deps, next } = await open();
    await recordObjects(lake, [{ file_sha: 'x', status: 'INGESTED', pull_ts_utc: '2026-03-01T00:00:00Z' }]);
    expect(await next()).toMatchObject({ gaps: ['2026-03-03'], next: '2026-03-03', why: 'gap' });
    const { manifest, already } = await waiveDate(deps, { ...waiver, environment: 'test' });
    expect(already).toBe(false);
    expect(manifest).toMatchObject({
      source: 'orders',
      source_type: 'file',
      environment: 'test',
      run_id: 'w1',
      ingest_date: '2026-03-03',
      status: 'skipped',
      seq: (await lake.catalog.table('metadata.ingestion_event').snapshot()).version - 1,
      waived: { reason: 'closed on that day', actor: 'ana' },
      skip_check: { state: 'not_succeeded', run_id: null },
    });
    const path = join(root, '_manifests/source=orders/ingest_date=2026-03-03/run_id=w1.json');
    const text = readFileSync(path, 'utf8');
    expect(JSON.parse(text)).toEqual(manifest);
    const { rows } = await lake.select(
      `SELECT source_repo, ingest_date::VARCHAR AS day, status, reason, actor, run_id, manifest::JSON->>'$.waived.actor' AS by
       FROM metadata.ingestion_event WHERE dialect = 'run'`,
    );
    expect(rows).toEqual([
      {
        source_repo: 'orders',
        day: '2026-03-03',
        status: 'SKIPPED',
        reason: 'closed on that day',
        actor: 'ana',
        run_id: 'w1',
        by: 'ana',
      },
    ]);
    expect(await next()).toMatchObject({ gaps: [], next: '2026-03-06', why: 'after_last' });
    // The manifest can be recorded by hand as well: it is the same event.
    expect(await lake.record([path])).toMatchObject({ received: 1, rejected: 0, events: 0 });
    // A waived date that is loaded after all has succeeded.
    await manifests.write(runManifest({ ingest_date: '2026-03-03' }));
    expect(await manifests.skipCheck('orders', '2026-03-03')).toMatchObject({ state: 'succeeded' });
  });

  it('that stands already is not written again', async () => {
    const { root, lake, deps } = await open();
    await waiveDate(deps, waiver);
    const version = (await lake.catalog.table('metadata.ingestion_event').snapshot()).version;
    const again = await waiveDate(deps, { ...waiver, runId: 'w2', reason: 'another' });
    expect(again).toMatchObject({ already: true, manifest: { run_id: 'w1' } });
    expect(readdirSync(join(root, '_manifests/source=orders/ingest_date=2026-03-03'))).toEqual(['run_id=w1.json']);
    expect((await lake.catalog.table('metadata.ingestion_event').snapshot()).version).toBe(version);
  });

  it('needs a reason and a date without success; a dry run writes nothing', async () => {
    const { root, lake, deps } = await open();
    await expect(waiveDate(deps, { ...waiver, reason: ' ' })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    await expect(waiveDate(deps, { ...waiver, date: '2026-03-02' })).rejects.toMatchObject({
      code: 'USAGE',
      message: '2026-03-02 of orders has succeeded and needs no waiver',
    });
    const version = async () => (await lake.catalog.table('metadata.ingestion_event').snapshot()).version;
    const before = await version();
    expect(await waiveDate(deps, { ...waiver, dryRun: true })).toMatchObject({ already: false });
    expect(await version()).toBe(before);
    expect(existsSync(join(root, '_manifests/source=orders/ingest_date=2026-03-03'))).toBe(false);
  });
});

describe('the overview', () => {
  it('has dates, gaps, groups and watermarks beside what the events say', async () => {
    const lake = await openLake();
    const manifests = new RunManifests(lake.catalog.store);
    const write = (source: string, date: string, fields: Partial<RunManifest> = {}) =>
      manifests.write(runManifest({ source, ingest_date: date, ...fields }));
    for (const date of ['2026-03-01', '2026-03-04']) await write('orders', date);
    await write('items', '2026-03-01');
    await write('items', '2026-03-02', { status: 'failed' });
    await write('stray', '2025-12-31');
    const policies = [policy('orders'), policy('items'), policy('new', { group: 'later' })];
    const dates = await discoverNextBusinessDate(manifests, policies);
    const now = Date.parse('2026-03-03T05:02:00Z');
    const all = await overview(
      { session: await lake.session(), catalog: lake.catalog },
      {
        now,
        host: 'here',
        dates,
        lastDates: new Map([['stray', '2025-12-31']]),
        sources: [...policies.map(({ name }) => name), 'stray', 'other'].map((name) => ({
          name,
          target: `bronze.${name}`,
        })),
        watermarks: new Map([['items', { column: 'id', value: '17', type: 'BIGINT', held_back: null }]]),
      },
    );
    expect(Object.fromEntries(all.map((one) => [one.source, one]))).toMatchObject({
      orders: {
        state: 'ok',
        last_success: '2026-03-03T05:01:00.000Z',
        age_seconds: 60,
        last_date: '2026-03-04',
        next_date: '2026-03-02',
        next_date_state: 'missing',
        next_date_from: 'gap',
        gaps: 2,
        gap_dates: ['2026-03-02', '2026-03-03'],
        group: 'default',
        group_next_date: '2026-03-02',
        holds_group_back: false,
        watermark: null,
      },
      items: {
        state: 'problems',
        next_date: '2026-03-02',
        next_date_state: 'failed',
        next_date_from: 'after_last',
        gaps: 0,
        watermark: { column: 'id', value: '17' },
      },
      new: { state: 'never run', next_date: null, next_date_from: 'unknown', group: 'later', holds_group_back: true },
      stray: { last_date: '2025-12-31', next_date: null, group: null, holds_group_back: false },
      other: { state: 'never run', last_date: null, gaps: 0, gap_dates: [], unreadable_manifests: [] },
    });
  });
});
