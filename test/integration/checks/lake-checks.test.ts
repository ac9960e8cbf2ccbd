import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodeFor, loadChecks, parseCheckFile, selectChecks } from '../../../src/checks/index.js';
import { Lake } from '../../../src/lake.js';
import { clockAt } from './memory-lake.js';

let folder: string;
let lake: Lake;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lake-checks-'));
  lake = await Lake.open({ root: join(folder, 'lake'), clock: clockAt('2026-02-10T06:00:00Z') });
});
afterEach(async () => {
  await lake.close();
  rmSync(folder, { recursive: true });
});

async function record(runId: string, ...statuses: [sha: string, status: string, day: string][]): Promise<void> {
  const file = join(folder, `${runId}.ndjson`);
  const lines = statuses.map(([file_sha, status, day]) =>
    JSON.stringify({ file_sha, source: 'org/repo', path: `${file_sha}.csv`, pull_ts_utc: `${day}T01:00:00Z`, status }),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
  await lake.record([file], { runId });
}
const levels = (checks: readonly { name: string; level: string }[]): unknown =>
  Object.fromEntries(checks.map(({ name, level }) => [name, level]));

describe('checks over the Delta tables of a lake', () => {
  it('judge what was recorded, keep it, and can be repeated at an older version', async () => {
    await record('r1', ['a', 'INGESTED', '2026-02-09'], ['b', 'FAILED', '2026-02-10']);
    const first = await lake.check({ checks: selectChecks(loadChecks()), runId: 'check-1' });
    expect(first.checks.map((check) => check.failure)).toEqual([null, null, null, null, null]);
    expect(levels(first.checks)).toEqual({
      duplicate_shas: 'pass',
      failures_and_retries: 'warn',
      latest_ingests: 'pass',
      success_last_n_runs: 'error',
      success_rate: 'error',
    });
    expect(exitCodeFor(first)).toBe(1);
    const [, failures, latest, runs, rate] = first.checks;
    expect(failures!.results[0]!.samples).toMatchObject([{ file_sha: 'b', attempts: 1, age_hours: 5 }]);
    expect(latest!.results[0]!.value).toBe(2);
    expect(runs!.results).toMatchObject([{ grain: { run_id: 'r1' }, value: 50 }]);
    expect(rate!.results.map((r) => [r.grain['ingest_date'], r.value])).toEqual([
      ['2026-02-10', 0],
      ['2026-02-09', 100],
    ]);

    await record('r2', ['b', 'INGESTED', '2026-02-10']);
    const checks = selectChecks(loadChecks(), { select: ['success_rate', 'failures_and_retries'] });
    const second = await lake.check({ checks, runId: 'check-2' });
    expect(levels(second.checks)).toEqual({ failures_and_retries: 'pass', success_rate: 'pass' });
    expect(second.ledger_version).toBeGreaterThan(first.ledger_version!);
    const again = await lake.check({ checks, runId: 'check-3', atVersion: first.ledger_version! });
    expect(again.ledger_version).toBe(first.ledger_version);
    expect(levels(again.checks)).toEqual({ failures_and_retries: 'warn', success_rate: 'error' });

    const { rows } = await lake.select(
      `SELECT run_id, count(*) AS n, any_value(ledger_version) AS version, min(started_at) AS at
       FROM metadata.check_result GROUP BY run_id ORDER BY run_id`,
    );
    const at = '2026-02-10T06:00:00Z';
    expect(rows).toEqual([
      { run_id: 'check-1', n: 6n, version: BigInt(first.ledger_version!), at },
      { run_id: 'check-2', n: 3n, version: BigInt(second.ledger_version!), at },
      { run_id: 'check-3', n: 3n, version: BigInt(first.ledger_version!), at },
    ]);
  });

  it('a query that fails after many rows has failed, however far it came', async () => {
    await lake.init();
    const sql = `/* @check
name: breaks
version: 1
title: Breaks late
severity: error
result: rows
error: "> 100000000"
@check */
SELECT CASE WHEN range = 400000 THEN error('boom') ELSE 'x' END AS x FROM range(500000)`;
    const report = await lake.check({ checks: [parseCheckFile(sql, 'breaks.sql')], runId: 'check-1' });
    expect(report.checks[0]).toMatchObject({ level: 'failed_to_run', failure: { code: 'SQL' } });
    expect(report.checks[0]!.failure!.message).toContain('boom');
  });
});
