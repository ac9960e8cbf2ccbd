import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { IngestResult, Lake } from '../../../src/lake.js';
import { RunManifests } from '../../../src/ledger/runs/run-manifests.js';
import { Desk } from '../../support/ingest-desk.js';

const manifestsOf = (lake: Lake) => new RunManifests(lake.catalog.store);

async function statesOf(lake: Lake, source = 's'): Promise<Record<string, string[]>> {
  const manifests = manifestsOf(lake);
  const dates = await manifests.dates(source);
  const runs = await Promise.all(dates.map((date) => manifests.read(source, date)));
  return Object.fromEntries(runs.map(({ date, manifests: all }) => [date, all.map(({ status }) => status)]));
}

const noError = ({ sources }: IngestResult) => expect(sources.map(({ error }) => error)).toEqual([null]);

describe('run manifests of files', () => {
  it('are one for each business date of a run, with what it loaded', async () => {
    const desk = await Desk.open({ business_date: 'sales-{yyyyMMdd}' });
    desk.write('sales-20260301.csv', 'n\n1\n').write('sales-20260302.csv', 'n\n2\n3\n');
    const first = await desk.ingest({ environment: 'test', actor: 'ana' });
    noError(first);
    expect(first.sources[0]?.manifests).toEqual([
      `_manifests/source=s/ingest_date=2026-03-01/run_id=${first.run_id}.json`,
      `_manifests/source=s/ingest_date=2026-03-02/run_id=${first.run_id}.json`,
    ]);
    const [path = ''] = first.sources[0]?.manifests ?? [];
    expect(JSON.parse(readFileSync(join(desk.lake.catalog.root, path), 'utf8'))).toMatchObject({
      source: 's',
      source_type: 'file',
      environment: 'test',
      actor: 'ana',
      run_id: first.run_id,
      ingest_date: '2026-03-01',
      status: 'success',
      errors: [],
      outputs: { 'in/sales-20260301.csv': { target: 'bronze.t', version: expect.any(Number), rows: 1, bytes: 4 } },
      skip_check: null,
      rerun: false,
    });
    expect(await desk.lake.discoverLatestSuccessfulDate('s')).toBe('2026-03-02');
  });

  it('tell a failed date from a good one, and the run that mends it', async () => {
    const desk = await Desk.open({ business_date: 'sales-{yyyyMMdd}', format: 'parquet' });
    desk.write('sales-20260301.csv', 'no parquet');
    const failed = await desk.ingest();
    expect(failed).toMatchObject({ status: 'failed', sources: [{ status: 'failed', error: null }] });
    expect(await statesOf(desk.lake)).toEqual({ '2026-03-01': ['failed'] });
    const mended = await desk.with({ business_date: 'sales-{yyyyMMdd}' });
    mended.write('sales-20260301.csv', 'n\n1\n').write('sales-20260302.csv', 'n\n1\n2\n');
    noError(await mended.ingest());
    expect(await statesOf(desk.lake)).toEqual({ '2026-03-01': ['failed', 'success'], '2026-03-02': ['success'] });
  });

  it('are written by the next run when a run died before it could', async () => {
    const desk = await Desk.open({ business_date: 'sales-{yyyyMMdd}' });
    desk.write('sales-20260301.csv', 'n\n1\n');
    const stop = new Error('stopped');
    const onStep = (step: string) => {
      if (step === 'events_written') throw stop;
    };
    await expect(desk.ingest({ hooks: { onStep } })).rejects.toBe(stop);
    // The run could still say that it failed.
    expect(await statesOf(desk.lake)).toEqual({ [today()]: ['failed'] });
    noError(await desk.ingest());
    expect(await statesOf(desk.lake)).toEqual({ '2026-03-01': ['success'], [today()]: ['failed'] });
    // Once more there is nothing to say of that date.
    noError(await desk.ingest());
    expect(await statesOf(desk.lake)).toEqual({ '2026-03-01': ['success'], [today()]: ['failed', 'skipped'] });
  });

  it('are told apart when a scheduler gives the id of a run again', async () => {
    const desk = await Desk.open({ daily: true });
    desk.write('a.csv', 'n\n1\n');
    await desk.ingest({ runId: 'one', date: '2026-03-01' });
    desk.write('b.csv', 'n\n2\n');
    const again = await desk.ingest({ runId: 'one', date: '2026-03-01' });
    expect(again.sources[0]?.manifests).toEqual(['_manifests/source=s/ingest_date=2026-03-01/run_id=one%7E2.json']);
    expect(await statesOf(desk.lake)).toEqual({ '2026-03-01': ['success', 'success'] });
  });
});

const today = () => new Date().toISOString().slice(0, 10);

describe('a date that has succeeded', () => {
  it('is skipped before anything is listed, and run again when asked', async () => {
    const desk = await Desk.open({ daily: true, skip_if_success: true });
    desk.write('a.csv', 'n\n1\n');
    const first = await desk.ingest({ date: '2026-03-01' });
    expect(first.sources).toMatchObject([{ status: 'success', reason: null, date: '2026-03-01' }]);
    desk.write('b.csv', 'n\n2\n');
    const second = await desk.ingest({ date: '2026-03-01' });
    expect(second).toMatchObject({ status: 'skipped', processed: 0, files: [] });
    expect(second.sources[0]).toMatchObject({ status: 'skipped', reason: expect.stringContaining(first.run_id) });
    const [path = ''] = second.sources[0]?.manifests ?? [];
    expect(JSON.parse(readFileSync(join(desk.lake.catalog.root, path), 'utf8'))).toMatchObject({
      status: 'skipped',
      skip_check: { state: 'succeeded', run_id: first.run_id },
    });
    const runs = await desk.lake.select('SELECT status, error_message FROM metadata.ingestion_run ORDER BY started_at');
    expect(runs.rows).toEqual([
      { status: 'success', error_message: null },
      { status: 'skipped', error_message: expect.stringContaining('2026-03-01') },
    ]);
    expect((await desk.plan({ date: '2026-03-01' })).files).toMatchObject([{ path: 'in/**', rule: 'date_succeeded' }]);
    expect((await desk.plan({ date: '2026-03-01', rerun: true })).files).toHaveLength(2);
    // A skip does not undo the success, and a forced run is one.
    expect(await desk.ingest({ date: '2026-03-01' })).toMatchObject({ status: 'skipped' });
    expect(await desk.ingest({ date: '2026-03-01', rerun: true })).toMatchObject({ processed: 1 });
  });

  it('is run again when nobody can read its manifest, and that is said', async () => {
    const desk = await Desk.open({ daily: true, skip_if_success: true });
    desk.write('a.csv', 'n\n1\n');
    const first = await desk.ingest({ date: '2026-03-01' });
    const [path = ''] = first.sources[0]?.manifests ?? [];
    writeFileSync(join(desk.lake.catalog.root, path), '{"status": "succ');
    desk.write('b.csv', 'n\n2\n');
    const second = await desk.ingest({ date: '2026-03-01' });
    expect(second).toMatchObject({ processed: 1, warnings: [expect.stringContaining(path)] });
    const [again = ''] = second.sources[0]?.manifests ?? [];
    expect(JSON.parse(readFileSync(join(desk.lake.catalog.root, again), 'utf8'))).toMatchObject({
      status: 'success',
      skip_check: { state: 'unreadable', run_id: null },
    });
    expect(await desk.ingest({ date: '2026-03-01' })).toMatchObject({ status: 'skipped' });
  });
});
