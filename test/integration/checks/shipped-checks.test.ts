import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CheckOutcome, loadChecks, runChecks, selectChecks } from '../../../src/checks/index.js';
import { clockAt, type MemoryLake, openMemoryLake } from './memory-lake.js';

const NOW = '2026-02-10T06:00:00.000Z';
let lake: MemoryLake;
beforeEach(async () => {
  lake = await openMemoryLake(clockAt(NOW));
});
afterEach(() => lake.session.close());

async function run(select: string, params: Record<string, string> = {}, ledgerKey?: string): Promise<CheckOutcome> {
  const checks = selectChecks(loadChecks(), { select: [select] });
  const report = await runChecks({ ...lake.deps, ledgerKey }, { checks, runId: 'run-1', params });
  expect(report.storage_failure).toBeNull();
  const [outcome] = report.checks;
  expect(outcome!.failure).toBeNull();
  return outcome!;
}

let serial = 0;
function manifest(fields: Record<string, unknown>): Record<string, unknown> {
  serial += 1;
  const sha = fields.file_sha ?? `sha${serial}`;
  const day = fields.ingest_date ?? '2026-02-10';
  return {
    manifest_id: `m${serial}`,
    file_sha: sha,
    source_repo: 'org/repo',
    file_path: `data/${serial}.csv`,
    ingest_date: day,
    pull_ts_utc: `${day}T01:00:00Z`,
    status: 'INGESTED',
    reprocess: false,
    updated_at: `${day}T02:00:00Z`,
    ...fields,
  };
}
const manifests = (...rows: Record<string, unknown>[]): Promise<void> =>
  lake.insert('metadata.ingestion_manifest', rows.map(manifest));
const days = (statuses: Record<string, string[]>): Promise<void> =>
  manifests(...Object.entries(statuses).flatMap(([day, list]) => list.map((status) => ({ ingest_date: day, status }))));
function event(fields: Record<string, unknown>): Record<string, unknown> {
  serial += 1;
  return { event_id: `e${serial}`, recorded_at: '2026-02-10T00:00:00Z', ledger_key: fields.file_sha ?? 'k', ...fields };
}
const events = (...rows: Record<string, unknown>[]): Promise<void> =>
  lake.insert('metadata.ingestion_event', rows.map(event));
const table = (outcome: CheckOutcome): unknown[] =>
  outcome.results.map((r) => [...Object.values(r.grain), r.value, r.level]);

describe('success_rate', () => {
  const seed = `SELECT ingest_date, sum(case when status='INGESTED' then 1 else 0 end) as success, count(*) total,
    100.0 * sum(case when status='INGESTED' then 1 else 0 end) / count(*) as pct_success
    FROM metadata.ingestion_manifest GROUP BY ingest_date ORDER BY ingest_date DESC`;

  it('version 1 is the text of the seed: INGESTED only, not rounded, newest date first', async () => {
    await days({
      '2026-02-08': ['INGESTED', 'INGESTED', 'FAILED'],
      '2026-02-10': ['INGESTED'],
      '2026-02-09': ['SKIPPED', 'REPROCESSED'],
      '2025-01-01': Array.from({ length: 30 }, (_, i) => (i === 0 ? 'RETRYING' : 'INGESTED')),
    });
    const outcome = await run('success_rate@1');
    expect(table(outcome)).toEqual([
      ['2026-02-10', 100, 'pass'],
      ['2026-02-09', 0, 'error'],
      ['2026-02-08', 200 / 3, 'error'],
      ['2025-01-01', 2900 / 30, 'warn'],
    ]);
    const expected = (await lake.session.rows(seed)).map((r) => [r.ingest_date, r.pct_success]);
    expect(outcome.results.map((r) => [r.grain.ingest_date, r.value])).toEqual(expected);
    expect(outcome.results[2]!.details).toEqual({ success: 2, total: 3 });
    expect(outcome.level).toBe('error');
  });

  it('version 2 is the newest and counts REPROCESSED and SKIPPED, not the others', async () => {
    await days({
      '2026-02-09': ['SKIPPED', 'REPROCESSED', 'INGESTED'],
      '2026-02-08': ['INGESTED', 'PENDING', 'PROCESSING', 'QUARANTINED', 'FAILED'],
    });
    const outcome = await run('success_rate');
    expect(outcome.version).toBe(2);
    expect(table(outcome)).toEqual([
      ['2026-02-09', 100, 'pass'],
      ['2026-02-08', 20, 'error'],
    ]);
    expect(outcome.results[1]).toMatchObject({ threshold: '< 95', details: { success: 1, total: 5 } });
  });

  it('the limits themselves are fine: 95 % warns, 99 % passes, a hair below does not', async () => {
    const share = (bad: number, total: number): string[] =>
      Array.from({ length: total }, (_, i) => (i < bad ? 'FAILED' : 'INGESTED'));
    await days({
      '2026-01-01': share(5, 100),
      '2026-01-02': share(1, 100),
      '2026-01-03': share(11, 219),
      '2026-01-04': share(2, 199),
    });
    expect(table(await run('success_rate'))).toEqual([
      ['2026-01-04', (100 * 197) / 199, 'warn'],
      ['2026-01-03', (100 * 208) / 219, 'error'],
      ['2026-01-02', 99, 'pass'],
      ['2026-01-01', 95, 'warn'],
    ]);
  });

  it('days limits the dates, to the day', async () => {
    await days({
      '2026-02-11': ['FAILED'],
      '2026-02-10': ['INGESTED'],
      '2026-02-09': ['INGESTED'],
      '2026-02-08': ['FAILED'],
    });
    expect((await run('success_rate')).results).toHaveLength(4);
    expect(table(await run('success_rate', { days: '2' })).map((r) => (r as string[])[0])).toEqual([
      '2026-02-10',
      '2026-02-09',
    ]);
    expect((await run('success_rate', { days: '1', as_of: '2026-02-08' })).level).toBe('error');
  });

  it('an empty ledger is not a success', async () => {
    for (const select of ['success_rate@1', 'success_rate@2', 'success_last_n_runs']) {
      const outcome = await run(select);
      expect(outcome.level).toBe('warn');
      expect(outcome.results).toMatchObject([{ grain: {}, value: null, threshold: 'on_empty', rows: 0 }]);
    }
  });
});

describe('success_last_n_runs', () => {
  it('judges each run by the outcome of its files', async () => {
    const good = { run_id: 'good', recorded_at: '2026-02-03T00:00:00Z' };
    const bad = { run_id: 'bad', recorded_at: '2026-02-05T00:00:00Z' };
    const idle = { run_id: 'idle', recorded_at: '2026-02-06T00:00:00Z' };
    await events(
      { ...good, file_sha: 'a', status: 'PROCESSING' },
      { ...good, file_sha: 'a', status: 'FAILED' },
      { ...good, file_sha: 'a', status: 'INGESTED' },
      { ...good, file_sha: 'b', status: 'SKIPPED' },
      { ...good, file_sha: 'c', status: 'REPROCESSED' },
      { ...good, file_sha: 'd', status: 'PENDING' },
      { ...bad, file_sha: 'a', status: 'RETRYING' },
      { ...bad, file_sha: 'a', status: 'RETRYING' },
      { ...bad, file_sha: 'b', status: 'QUARANTINED' },
      { ...bad, file_sha: 'c', status: 'FAILED' },
      { ...bad, file_sha: 'd', status: 'INGESTED' },
      { ...idle, file_sha: 'a', status: 'PENDING' },
      { run_id: null, recorded_at: '2026-02-07T00:00:00Z', file_sha: 'a', status: 'FAILED' },
    );
    const outcome = await run('success_last_n_runs');
    expect(table(outcome)).toEqual([
      ['bad', 25, 'error'],
      ['good', 100, 'pass'],
    ]);
    expect(outcome.results[0]!.details).toMatchObject({
      success: 1,
      total: 4,
      last_recorded_at: '2026-02-05T00:00:00Z',
    });
  });

  it('takes the last N by time, ties by run id', async () => {
    const at = (run_id: string, day: string, status: string): Record<string, unknown> => ({
      run_id,
      recorded_at: `${day}T00:00:00Z`,
      file_sha: run_id,
      status,
    });
    await events(
      at('z-oldest', '2026-01-01', 'FAILED'),
      at('b', '2026-01-02', 'INGESTED'),
      at('c', '2026-01-02', 'INGESTED'),
      at('a', '2026-01-03', 'INGESTED'),
    );
    const names = async (runs: string): Promise<unknown[]> =>
      (await run('success_last_n_runs', { runs })).results.map((r) => r.grain.run_id);
    expect(await names('2')).toEqual(['a', 'c']);
    expect(await names('3')).toEqual(['a', 'c', 'b']);
    expect((await run('success_last_n_runs', { runs: '3' })).level).toBe('pass');
    expect((await run('success_last_n_runs')).level).toBe('error');
  });
});

describe('duplicate_shas', () => {
  it('finds a sha that is there twice', async () => {
    await manifests({ file_sha: 'a' }, { file_sha: 'b' }, { file_sha: 'c' }, { file_sha: 'b' }, { file_sha: 'b' });
    await manifests({ file_sha: 'a', ingest_date: '2020-01-01' });
    const outcome = await run('duplicate_shas');
    expect(outcome).toMatchObject({ level: 'error', results: [{ value: 2, threshold: '> 0', rows: 2 }] });
    expect(outcome.results[0]!.samples.map((s) => [s.file_sha, s.copies])).toEqual([
      ['b', 3],
      ['a', 2],
    ]);
  });

  it('passes when every sha is there once, and keeps the value', async () => {
    await manifests({ file_sha: 'a' }, { file_sha: 'b' });
    expect(await run('duplicate_shas')).toMatchObject({ level: 'pass', results: [{ value: 0, threshold: null }] });
  });

  it('in a ledger with the compound key only a repeated triple is a duplicate', async () => {
    const key = 'source_repo+file_path+file_sha';
    await manifests({ file_sha: 'a', file_path: 'x' }, { file_sha: 'a', file_path: 'y' });
    await manifests({ file_sha: 'a', file_path: 'x', source_repo: 'other/repo' });
    expect(await run('duplicate_shas', {}, key)).toMatchObject({ level: 'pass', params: { key } });
    expect((await run('duplicate_shas')).level).toBe('error');
    await manifests(
      { file_sha: 'a', file_path: 'x' },
      { file_sha: 'n', file_path: null },
      { file_sha: 'n', file_path: null },
    );
    const outcome = await run('duplicate_shas', {}, key);
    expect(outcome.results[0]!.samples).toEqual([
      { file_sha: 'a', source_repo: 'org/repo', file_path: 'x', copies: 2 },
      { file_sha: 'n', source_repo: 'org/repo', file_path: null, copies: 2 },
    ]);
  });
});

describe('failures_and_retries', () => {
  it('lists FAILED and RETRYING, the latest change first, with attempts and age', async () => {
    await manifests(
      {
        manifest_id: 'old',
        file_sha: 'old',
        status: 'FAILED',
        updated_at: '2026-02-01T00:00:00Z',
        error_message: 'no',
      },
      { manifest_id: 'tie-b', file_sha: 'tie-b', status: 'FAILED', updated_at: '2026-02-05T00:00:00Z' },
      { manifest_id: 'tie-a', file_sha: 'tie-a', status: 'RETRYING', updated_at: '2026-02-05T00:00:00Z' },
      ...['PENDING', 'PROCESSING', 'INGESTED', 'SKIPPED', 'REPROCESSED', 'QUARANTINED'].map((status) => ({ status })),
    );
    await events(
      { event_id: 'x', file_sha: 'old', status: 'FAILED', pull_ts_utc: '2026-02-09T18:00:00Z' },
      { event_id: 'x', file_sha: 'old', status: 'FAILED', pull_ts_utc: '2026-02-09T18:00:00Z' },
      { file_sha: 'old', status: 'RETRYING', pull_ts_utc: '2026-02-09T12:30:00Z' },
      { file_sha: 'old', status: 'PROCESSING', pull_ts_utc: '2026-02-01T00:00:00Z' },
      { file_sha: 'tie-a', status: 'RETRYING', pull_ts_utc: '2026-02-10T05:00:00Z' },
    );
    const outcome = await run('failures_and_retries');
    expect(outcome).toMatchObject({ level: 'warn', results: [{ value: 3, threshold: '> 0' }] });
    const rows = outcome.results[0]!.samples;
    expect(rows.map((r) => [r.manifest_id, r.attempts, r.age_hours])).toEqual([
      ['tie-a', 1, 1],
      ['tie-b', null, 5],
      ['old', 2, 17.5],
    ]);
    expect(rows[2]).toMatchObject({
      error_message: 'no',
      first_attempt_at: '2026-02-09T12:30:00Z',
      last_attempt_at: '2026-02-09T18:00:00Z',
    });
    const aged = await run('failures_and_retries', { now: '2026-02-11T06:00:00Z' });
    expect(aged.results[0]!.samples[0]!.age_hours).toBe(25);
  });

  it('counts the attempts of the same key of the ledger only', async () => {
    await manifests({ manifest_id: 's_x', file_sha: 's', status: 'FAILED' }, { manifest_id: 's_y', file_sha: 's' });
    await events(
      { ledger_key: 's_x', file_sha: 's', status: 'FAILED', pull_ts_utc: NOW },
      { ledger_key: 's_y', file_sha: 's', status: 'FAILED', pull_ts_utc: NOW },
    );
    const outcome = await run('failures_and_retries');
    expect(outcome.results[0]!.samples).toMatchObject([{ manifest_id: 's_x', attempts: 1 }]);
  });

  it('passes without failures', async () => {
    await manifests({});
    expect(await run('failures_and_retries')).toMatchObject({ level: 'pass', results: [{ value: 0 }] });
  });
});

describe('latest_ingests', () => {
  it('lists what the query of the seed lists, newest first, and never raises a level', async () => {
    await manifests(
      { manifest_id: 'today', ingest_date: '2026-02-10', status: 'FAILED' },
      { manifest_id: 'late-today', ingest_date: '2026-02-10', pull_ts_utc: '2026-02-10T05:00:00Z' },
      { manifest_id: 'yesterday', ingest_date: '2026-02-09', pull_ts_utc: '2026-02-09T00:00:00Z' },
      { manifest_id: 'before', ingest_date: '2026-02-08', pull_ts_utc: '2026-02-08T23:59:59Z' },
      { manifest_id: 'date-ahead', ingest_date: '2026-02-11', pull_ts_utc: '2026-02-10T05:30:00Z' },
    );
    const seed = `SELECT manifest_id FROM metadata.ingestion_manifest
      WHERE ingest_date >= DATE '2026-02-10' - INTERVAL 1 DAY ORDER BY pull_ts_utc DESC`;
    const names = (outcome: CheckOutcome): unknown[] => outcome.results[0]!.samples.map((s) => s.manifest_id);
    const outcome = await run('latest_ingests');
    expect(names(outcome)).toEqual(['date-ahead', 'late-today', 'today', 'yesterday']);
    expect(names(outcome)).toEqual((await lake.session.rows(seed)).map((r) => r.manifest_id));
    expect(outcome).toMatchObject({ level: 'pass', severity: 'info', params: { hours: 24, as_of: '2026-02-10' } });
    expect(outcome.results[0]).toMatchObject({ value: 4, threshold: null });
    expect(names(await run('latest_ingests', { as_of: '2026-02-09' }))).toEqual(['yesterday', 'before']);
    expect(names(await run('latest_ingests', { hours: '48' }))).toHaveLength(5);
  });

  it('keeps twenty of many', async () => {
    await manifests(...Array.from({ length: 25 }, () => ({})));
    const outcome = await run('latest_ingests');
    expect(outcome.results[0]!.value).toBe(25);
    expect(outcome.results[0]!.samples).toHaveLength(20);
  });
});
