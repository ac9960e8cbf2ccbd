import { mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { acquireLease } from '../../src/ingest/load/lease.js';
import { LocalStore } from '../../src/storage/local-store.js';
import { type CliRun, runCli, tempFolder } from './run-cli.js';

const CONFIG = `sources:
  orders: {path: in/*.csv, into: bronze.orders, keep_raw: true}
`;

/** A lake into which two files were ingested. */
async function ingested(): Promise<{ cwd: string; cli: (...args: string[]) => Promise<CliRun> }> {
  const cwd = tempFolder();
  mkdirSync(join(cwd, 'in'));
  writeFileSync(join(cwd, 'in', 'a.csv'), 'n\n1\n2\n');
  writeFileSync(join(cwd, 'in', 'b.csv'), 'n\n3\n');
  writeFileSync(join(cwd, 'lakeledger.yaml'), CONFIG);
  const cli = (...args: string[]) => runCli(args, { cwd });
  expect(await cli('ingest', '-q')).toMatchObject({ code: 0 });
  return { cwd, cli };
}

function json({ stdout, stderr, code }: CliRun, expected = 0) {
  expect({ code, stderr }).toMatchObject({ code: expected });
  return JSON.parse(stdout);
}

describe('verify', () => {
  it('says in one line that all is well, and exits with 1 when it is not', async () => {
    const { cwd, cli } = await ingested();
    expect(await cli('verify')).toEqual({
      code: 0,
      signal: null,
      stdout: '1 target, 2 files, 3 rows, all well\n',
      stderr: '',
    });
    expect(json(await cli('verify', 'orders', '--depth', 'full', '-o', 'json'))).toEqual({
      depth: 'full',
      clean: true,
      targets: [{ target: 'bronze.orders', version: 1, sources: ['orders'], files: 2, rows: 3, findings: 0 }],
      findings: [],
      events: 0,
    });
    writeFileSync(join(cwd, 'in', 'a.csv'), 'n\n9\n');
    unlinkSync(join(cwd, 'in', 'b.csv'));
    expect(await cli('verify')).toMatchObject({ code: 0 });
    const full = await cli('verify', '--depth', 'full');
    expect(full.code).toBe(1);
    expect(full.stdout).toContain('1 target, 2 files, 3 rows, 1 worth knowing, 1 wrong\n');
    expect(full.stdout).toMatch(/source_changed\s+bronze\.orders\s+in\/a\.csv/);
    expect(full.stdout).toMatch(/source_missing \(info\)\s+bronze\.orders\s+in\/b\.csv/);
    expect(full.stdout).toContain('try: the next "ingest" takes it as a correction\n');
    const csv = await cli('verify', '--depth', 'full', '-o', 'csv');
    expect(csv.stdout.split('\n')[0]).toBe('kind,level,target,source,path,sha,expected,found,message,hint,repaired');
    expect((await cli('verify', 'ordres')).stderr).toContain('did you mean "orders"');
  });

  it('of a lake that is not there says that nothing was ingested', async () => {
    const run = await runCli(['verify'], { cwd: tempFolder() });
    expect(run).toMatchObject({ code: 0, stdout: 'nothing was ingested into this lake yet\n' });
  });

  it('--repair brings a ledger back that was lost', async () => {
    const { cwd, cli } = await ingested();
    rmSync(join(cwd, 'lake', 'metadata'), { recursive: true });
    expect(await cli('ingest')).toMatchObject({ code: 3, stderr: expect.stringContaining('STATE_LOST') });
    const repaired = await cli('verify', '--repair');
    expect(repaired.code).toBe(0);
    expect(repaired.stdout).toContain('2 repaired, all well');
    expect(repaired.stdout).toContain('not_in_ledger (repaired)');
    expect(json(await cli('ingest', '-o', 'json'))).toMatchObject({ processed: 0, skipped: 2 });
  });
});

describe('state', () => {
  it('rebuild shows the differences, then writes them', async () => {
    const { cwd, cli } = await ingested();
    expect((await cli('state', 'rebuild')).stdout).toBe('1 target, 2 files: ledger and tables agree\n');
    rmSync(join(cwd, 'lake', 'metadata'), { recursive: true });
    const dry = await cli('state', 'rebuild', '--dry-run');
    expect(dry.stdout).toContain('2 differences, 2 events would be written');
    expect(json(await cli('state', 'rebuild', 'bronze.orders', '-o', 'json'))).toMatchObject({
      dry_run: false,
      events: 2,
      targets: [{ target: 'bronze.orders', files: 2, rows: 3, differences: 2, recorded: 2 }],
      differences: [
        { kind: 'only_in_bronze', source: 'orders', path: 'in/a.csv', bronze_rows: 2, recorded: true },
        { kind: 'only_in_bronze', source: 'orders', path: 'in/b.csv', bronze_rows: 1, recorded: true },
      ],
    });
    expect(await cli('verify', '--depth', 'full')).toMatchObject({ code: 0 });
  });

  it('get shows sources, and the paths of one', async () => {
    const { cli } = await ingested();
    const text = await cli('state', 'get', 'orders');
    expect(text.stdout).toMatch(/orders\s+bronze\.orders\s+1\s+2\s+3\s+in\/b\.csv/);
    expect(text.stdout).toMatch(/in\/a\.csv\s+[0-9a-f]{12}\s+INGESTED\s+2/);
    const [state] = json(await cli('state', 'get', '-o', 'json'));
    expect(state).toMatchObject({ source: 'orders', batch: 1, files: 2, rows: 3, lease: null });
    expect(state.paths).toBeUndefined();
    expect(json(await cli('state', 'get', 'orders', '-o', 'json'))[0].paths).toHaveLength(2);
    const none = await runCli(['state', 'get'], { cwd: tempFolder() });
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(none.stderr).toContain('nothing was ingested into this lake yet');
  });

  it('export and import carry the state over a file or a pipe', async () => {
    const { cwd, cli } = await ingested();
    expect(await cli('state', 'export', 'state.json')).toMatchObject({ code: 0, stdout: '' });
    const { stdout } = await cli('state', 'export');
    expect(stdout).toBe(readFileSync(join(cwd, 'state.json'), 'utf8'));
    const { events } = JSON.parse(stdout);
    const into = (...args: string[]) => cli('state', 'import', ...args, '--lake', 'other', '-o', 'json');
    const counts = { events: events.length, recorded: events.length, known: 0 };
    expect(json(await into('state.json', '--dry-run'))).toEqual({ ...counts, dry_run: true });
    expect(json(await into('state.json'))).toEqual({ ...counts, dry_run: false });
    const again = await runCli(['state', 'import', '-', '--lake', 'other', '-o', 'json'], { cwd, stdin: stdout });
    expect(json(again)).toMatchObject({ recorded: 0, known: events.length });
    expect((await cli('state', 'export', '--lake', 'other')).stdout.length).toBe(stdout.length);
    const wrong = await runCli(['state', 'import', '-'], { cwd, stdin: '{"version":3,"events":[]}' });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('version: expected 1') });
    expect(await cli('state', 'import', 'nowhere.json')).toMatchObject({ code: 2 });
  });

  it('reset asks, needs a reason, and has the files loaded again', async () => {
    const { cli } = await ingested();
    expect(await cli('state', 'reset', 'orders')).toMatchObject({ code: 2, stdout: '' });
    const why = ['--reason', 'wrong delimiter'];
    expect(await cli('state', 'reset', 'orders', ...why)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        'Have 2 files of orders loaded again by the next ingest? Nobody can be asked here',
      ),
    });
    expect(json(await cli('state', 'reset', 'orders', ...why, '--dry-run', '-o', 'json'))).toMatchObject({
      reset: 0,
      files: [{ path: 'in/a.csv' }, { path: 'in/b.csv' }],
    });
    expect((await cli('state', 'reset', 'orders', ...why, '--yes')).stdout).toContain(
      '2 files will be loaded again by the next ingest',
    );
    expect(json(await cli('ingest', '-o', 'json'))).toMatchObject({ processed: 2, rows: 3 });
    expect(await cli('verify', '--depth', 'full')).toMatchObject({ code: 0 });
    expect(await cli('state', 'reset', 'nothing', ...why, '--yes')).toMatchObject({ code: 2 });
  });

  it('set keeps a file out', async () => {
    const { cwd, cli } = await ingested();
    writeFileSync(join(cwd, 'in', 'c.csv'), 'n\n4\n');
    const plan = json(await cli('plan', '-o', 'json'));
    const { file_sha: sha } = plan.files.find((file: { path: string }) => file.path === 'in/c.csv');
    expect(await cli('state', 'set', 'in/c.csv', '--sha', sha, '--status', 'SKIPPED')).toMatchObject({ code: 2 });
    const set = ['state', 'set', 'in/c.csv', '--sha', sha, '--status', 'SKIPPED', '--reason', 'a test', '-o', 'json'];
    expect(json(await cli(...set))).toMatchObject({
      source: 'orders',
      target: 'bronze.orders',
      file_sha: sha,
      status: 'QUARANTINED',
      reason: 'set by hand: a test',
    });
    expect(json(await cli('ingest', '-o', 'json'))).toMatchObject({ processed: 0, skipped: 3 });
  });

  it('unlock shows the holder, and asks', async () => {
    const { cwd, cli } = await ingested();
    expect(await cli('state', 'unlock')).toMatchObject({ code: 0, stderr: 'nobody holds a lease\n' });
    await acquireLease({
      store: new LocalStore(join(cwd, 'lake')),
      name: 'bronze.orders',
      holder: { runId: 'run-7', pid: process.pid, host: hostname(), actor: 'ana' },
      clock: systemClock,
    });
    const asked = await cli('state', 'unlock');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain(
      `bronze.orders is held by run run-7 by ana, process ${process.pid} on ${hostname()}`,
    );
    expect(asked.stderr).toContain('Break the lease on bronze.orders? The run looks alive');
    expect(json(await cli('state', 'unlock', 'bronze.orders', '--yes', '-o', 'json'))).toMatchObject({
      unlocked: true,
      lease: { run_id: 'run-7', alive: true },
    });
    expect(json(await cli('state', 'unlock', '-o', 'json'))).toEqual({ unlocked: false, lease: null });
  });
});
