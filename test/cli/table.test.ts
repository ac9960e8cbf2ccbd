import { appendFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DeltaTable } from '../../src/delta/index.js';
import { Session } from '../../src/duckdb/session.js';
import { LocalStore } from '../../src/storage/local-store.js';
import { columns, sql } from '../support/delta.js';
import { manifests, runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const NAME = 'metadata.ingestion_manifest';

async function table(...args: string[]) {
  return runCli(['table', ...args], { cwd });
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await table(...args, '-o', 'json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

async function makeTable(name: string, configuration: Record<string, string> = {}): Promise<string> {
  const session = await Session.open();
  try {
    const made = new DeltaTable({
      store: new LocalStore(join(cwd, name)),
      engine: async () => session,
      clock: { now: () => Date.now(), random: () => 0 },
      engineInfo: 'test',
    });
    await made.create({ schema: columns({ id: 'BIGINT', day: 'DATE' }), partitionColumns: ['day'], configuration });
    for (let i = 0; i < 4; i++) {
      await made.append(sql(`SELECT ${i} * 2 + n AS id, DATE '2026-01-01' + n::INTEGER AS day FROM range(2) r(n)`));
    }
  } finally {
    session.close();
  }
  return `./${name}`;
}

const parquet = (folder: string) =>
  readdirSync(join(cwd, folder), { recursive: true }).filter((name) => String(name).endsWith('.parquet'));

beforeAll(async () => {
  writeFileSync(join(cwd, 'm.ndjson'), manifests(20));
  expect((await runCli(['init'], { cwd })).code).toBe(0);
  expect((await runCli(['record', 'm.ndjson'], { cwd })).code).toBe(0);
});

describe('table show and files', () => {
  it('look at an older version by number and by time', async () => {
    const path = await makeTable('old');
    expect(await json('show', path, '--at', '2')).toMatchObject({ version: 2, rows: 4, files: 4 });
    expect(await json('files', `${path}@1`)).toHaveLength(2);
    expect(await json('show', path, '--at', new Date().toISOString())).toMatchObject({ version: 4 });
    const twice = await table('show', `${path}@1`, '--at', '2');
    expect([twice.code, twice.stdout]).toEqual([2, '']);
    expect((await table('show', path, '--at', '77')).code).toBe(2);
  });

  it('show statistics when they are asked for', async () => {
    const path = await makeTable('stats');
    const [file] = await json('files', path, '--stats');
    expect(JSON.parse(file.stats)).toMatchObject({ numRecords: 1 });
    expect(file).toMatchObject({ rows: 1, deleted_rows: 0, partition: { day: expect.any(String) } });
    expect((await json('files', path))[0]).not.toHaveProperty('stats');
  });
});

describe('table optimize', () => {
  it('merges, says how much, and is limited by a condition', async () => {
    const path = await makeTable('small');
    expect(await json('optimize', path, '--dry-run')).toMatchObject({ dry_run: true, files_removed: 8, version: 4 });
    const some = await json('optimize', path, '--where', "day = '2026-01-01'", '--target-size', '1MiB');
    expect(some).toMatchObject({ files_considered: 4, files_removed: 4, files_added: 1, commits: [5] });
    expect(await json('optimize', path, '--sort-by', 'id')).toMatchObject({ files_removed: 5, files_added: 2 });
    const { stdout } = await runCli(['query', 'SELECT sum(id) AS n FROM t', '--attach', `t=${path}`, '-o', 'csv'], {
      cwd,
    });
    expect(stdout).toBe('n\n28\n');
    for (const wrong of [
      ['--where', 'id = 1'],
      ['--target-size', 'big'],
      ['--sort-by', 'day'],
    ]) {
      const run = await table('optimize', path, ...wrong);
      expect([run.code, run.stdout, run.stderr]).toEqual([2, '', expect.stringContaining('error[USAGE]')]);
    }
    expect((await table('optimize', `${path}@1`)).code).toBe(2);
  });

  it('works on the tables of the ledger, which go on working', async () => {
    expect((await table('optimize', NAME, '--sort-by', 'file_sha')).code).toBe(0);
    expect((await table('vacuum', NAME, '--retention-hours', '0', '--force', '--yes')).code).toBe(0);
    const again = await runCli(['record', 'm.ndjson', '-o', 'json'], { cwd });
    expect(JSON.parse(again.stdout)).toMatchObject({ inserted: 0, events: 0, unchanged: 20 });
    expect((await table('verify', NAME, '--deep')).code).toBe(0);
  });
});

describe('table vacuum', () => {
  it('asks first, and is refused where it cannot ask', async () => {
    const path = await makeTable('dirty');
    await json('optimize', path);
    const files = parquet(path).length;
    const dry = await json('vacuum', path, '--retention-hours', '0', '--force', '--dry-run');
    expect(dry).toMatchObject({ mode: 'full', dry_run: true, files: 8, retention_hours: 0 });
    expect(dry.paths).toHaveLength(8);
    const refused = await table('vacuum', path, '--retention-hours', '0', '--force');
    expect([refused.code, refused.stdout, refused.stderr]).toEqual([2, '', expect.stringContaining('--yes')]);
    expect(parquet(path)).toHaveLength(files);
    const csv = await table('vacuum', path, '--retention-hours', '0', '--force', '--dry-run', '-o', 'csv');
    expect(csv.stdout.trimEnd().split('\n')).toEqual(['path', ...dry.paths]);
    const real = await json('vacuum', path, '--retention-hours', '0', '--force', '--yes', '--lite');
    expect(real).toMatchObject({ mode: 'lite', dry_run: false, paths: dry.paths });
    expect(parquet(path)).toHaveLength(files - 8);
    // Nothing to delete is no question.
    expect(await json('vacuum', path)).toMatchObject({ files: 0, dry_run: false });
    expect((await json('history', path)).map((entry: { operation: string }) => entry.operation).slice(0, 3)).toEqual([
      'VACUUM END',
      'VACUUM START',
      'OPTIMIZE',
    ]);
  });

  it('of the ledger first folds what a run that died has left', async () => {
    const other = tempFolder();
    writeFileSync(join(other, 'm.ndjson'), manifests(20));
    expect((await runCli(['record', 'm.ndjson'], { cwd: other })).code).toBe(0);
    // As if the run had died between its two commits.
    const log = join(other, 'lake', 'metadata', 'ingestion_manifest', '_delta_log');
    rmSync(join(log, '00000000000000000001.json'));
    const vacuum = ['table', 'vacuum', 'metadata.ingestion_event', '--retention-hours', '0', '--force', '--yes'];
    expect((await runCli(vacuum, { cwd: other })).code).toBe(0);
    const shown = await runCli(['table', 'show', NAME, '-o', 'json'], { cwd: other });
    expect(JSON.parse(shown.stdout)).toMatchObject({ version: 1, rows: 20 });
  });

  it('guards the retention', async () => {
    const path = await makeTable('guarded');
    const run = await table('vacuum', path, '--retention-hours', '1', '--yes');
    expect([run.code, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toContain('error[VACUUM_RETENTION]');
  });
});

describe('table restore', () => {
  it('goes back and forth', async () => {
    const path = await makeTable('back');
    expect(await json('restore', path, '--to', '1', '--dry-run')).toMatchObject({ files_removed: 6, dry_run: true });
    expect(await json('restore', path, '--to', '1')).toMatchObject({ version: 5, restored_version: 1, files: 2 });
    expect((await json('show', path)).rows).toBe(2);
    expect(await json('restore', path, '--to', '4')).toMatchObject({ version: 6, files_restored: 6 });
    expect((await table('restore', path)).code).toBe(2);
    expect((await table('restore', path, '--to', '99')).code).toBe(2);
  });

  it('says 1 when a vacuum deleted the files', async () => {
    const path = await makeTable('lost');
    await json('optimize', path);
    await json('vacuum', path, '--retention-hours', '0', '--force', '--yes');
    const run = await table('restore', path, '--to', '2');
    expect([run.code, run.stdout, run.stderr]).toEqual([1, '', expect.stringContaining('error[DATA_FILE_MISSING]')]);
  });

  it('leaves the tables of the ledger alone unless it is forced', async () => {
    for (const name of [NAME, './lake/metadata/ingestion_event']) {
      const run = await table('restore', name, '--to', '0');
      expect([run.code, run.stderr]).toEqual([2, expect.stringContaining("ledger's own")]);
    }
    const before = (await json('show', NAME)).version;
    await json('restore', NAME, '--to', String(before), '--force');
  });
});

describe('table set, changes and checkpoint', () => {
  it('record changes from when they are switched on, and stream them in order', async () => {
    const path = await makeTable('feed');
    const off = await table('changes', path);
    expect([off.code, off.stderr]).toEqual([2, expect.stringContaining('CHANGES_NOT_RECORDED')]);
    const set = await json('set', path, 'delta.enableChangeDataFeed=true', 'note=a=b');
    expect(set).toMatchObject({ version: 5, protocol: { minWriterVersion: 4 }, properties: { note: 'a=b' } });
    expect(await json('changes', path)).toEqual([]);
    const fed = await makeTable('fed', { 'delta.enableChangeDataFeed': 'true' });
    await json('restore', fed, '--to', '3');
    const rows = await json('changes', fed);
    expect(rows.map((row: { _commit_version: number }) => row._commit_version)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    expect(rows.at(-1)).toMatchObject({ day: expect.any(String), _change_type: 'delete' });
    expect(await json('changes', fed, '--from', '4', '--to', '5', '--limit', '3')).toHaveLength(3);
    expect(await json('changes', fed, '--to', '0')).toEqual([]);
    expect(await json('changes', fed, '--from', '2020-01-01', '--to', '2020-01-02')).toEqual([]);
    const csv = await table('changes', fed, '-o', 'csv');
    expect(csv.stdout.split('\n')[0]).toBe('id,day,_change_type,_commit_version,_commit_timestamp');
    expect((await table('changes', fed, '--from', '99')).code).toBe(2);
    expect((await json('set', path, '--unset', 'note', '--unset', 'nothing')).properties).not.toHaveProperty('note');
  });

  it('refuses what is no property, and what the ledger relies on', async () => {
    const path = await makeTable('props');
    for (const args of [
      [path],
      [path, 'nonsense'],
      [path, 'a=1', '--unset', 'a'],
      [path, 'delta.checkpointInterval=often'],
    ]) {
      const run = await table('set', ...args);
      expect([args.slice(1), run.code, run.stdout]).toEqual([
        args.slice(1),
        expect.toSatisfy((c) => c === 1 || c === 2),
        '',
      ]);
    }
    const run = await table('set', 'metadata.ingestion_event', 'delta.appendOnly=false');
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('--force')]);
  });

  it('writes a checkpoint', async () => {
    const path = await makeTable('checkpointed');
    expect(await json('checkpoint', path)).toMatchObject({ version: 4 });
    expect(existsSync(join(cwd, path, '_delta_log', '_last_checkpoint'))).toBe(true);
  });
});

describe('table verify', () => {
  it('says 0 when all is well and 1 when a file is gone or longer', async () => {
    const path = await makeTable('checked');
    const good = await table('verify', path, '--deep');
    expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('8 files, all well')]);
    const [first, second] = parquet(path);
    rmSync(join(cwd, path, String(first)));
    appendFileSync(join(cwd, path, String(second)), 'x');
    const bad = await table('verify', path, '-o', 'json');
    expect(bad.code).toBe(1);
    const kinds = JSON.parse(bad.stdout).findings.map((finding: { kind: string }) => finding.kind);
    expect(kinds.sort()).toEqual(['missing', 'size']);
    expect((await table('verify', './nothing')).code).toBe(2);
  });
});

it.each(['optimize', 'vacuum', 'checkpoint', 'verify', 'changes'])(
  'table %s does not know a table that is not there',
  async (verb) => {
    const run = await table(verb, './nothing');
    expect([run.code, run.stdout, run.stderr]).toEqual([2, '', expect.stringContaining('error[TABLE_NOT_FOUND]')]);
  },
);
