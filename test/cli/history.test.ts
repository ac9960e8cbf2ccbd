import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileManifest } from '../../src/ingest/events/write-event.js';
import type { FileEvent } from '../../src/ingest/model.js';
import { Lake } from '../../src/lake.js';
import { fileEvent, second, sha } from '../support/file-events.js';
import { ended, manifests, runCli, startCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const empty = tempFolder();

async function json(...args: string[]) {
  const { code, stdout, stderr } = await runCli([...args, '-o', 'json'], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

function lines(events: readonly FileEvent[]): string {
  return events.map((event) => `${JSON.stringify(fileManifest(event).value)}\n`).join('');
}

const A = sha('123e5aa');
const B = sha('123e5bb');
const C = sha('cc');
const day = { businessDate: '2020-02-24' };
const events = [
  fileEvent({ path: 'in/a.csv', sha: A, seq: 1, rows: 21, batch: 1, gitSha: '9'.repeat(40), ...day, runId: 'run-a1' }),
  fileEvent({
    ...day,
    path: 'in/a.csv',
    sha: B,
    seq: 2,
    rows: 22,
    batch: 2,
    runId: 'run-a2',
    action: 'replace',
    rule: 'correction',
    reason: 'other bytes than at its last delivery',
    detail: { replaced: [A], diff: { added: 2, removed: 1, changed: 4 }, evidence: { was: A, was_batch: 1 } },
  }),
  fileEvent({ path: 'in/b.csv', sha: C, seq: 3, status: 'PROCESSING', runId: 'run-a3', batch: 3, at: second(3) }),
  fileEvent({
    path: 'in/b.csv',
    sha: C,
    seq: 3,
    at: second(4),
    status: 'FAILED',
    runId: 'run-a3',
    error: 'row 7 has \u001b[31m9 columns',
    errorCode: 'SOURCE_FORMAT',
  }),
  fileEvent({ path: 'in/c.csv', sha: sha('d'), seq: 4, status: 'RETRYING', nextRetryAt: second(9999), runId: 'run-b' }),
];

const run = {
  source_name: 'daily',
  source_type: 'file',
  target: 'bronze.daily',
  execution_date: '2026-01-02',
  files_skipped: 3,
  row_count: 22,
  bytes: 99,
  checksum: null,
  actor: 'tester',
  host: 'here',
  pid: 7,
};

beforeAll(async () => {
  writeFileSync(join(cwd, 'events.ndjson'), lines(events));
  writeFileSync(join(cwd, 'manifests.ndjson'), manifests(3));
  expect((await runCli(['record', 'manifests.ndjson'], { cwd })).code).toBe(0);
  expect((await runCli(['record', 'events.ndjson'], { cwd })).code).toBe(0);
  writeFileSync(join(cwd, 'lakeledger.yaml'), 'sources:\n  weekly: { path: weekly/*.csv, into: bronze.weekly }\n');
  const lake = await Lake.open({ root: join(cwd, 'lake') });
  const ok = { ...run, run_id: 'run-a2', status: 'success', files_processed: 1, files_failed: 0, error_message: null };
  const bad = { ...run, run_id: 'run-a3', status: 'failed', files_processed: 0, files_failed: 1, error_message: 'x' };
  await lake.catalog.appendRows(await lake.session(), 'metadata.ingestion_run', [
    { ...ok, started_at: second(2), ended_at: second(4) },
    { ...bad, started_at: second(3), ended_at: second(5) },
  ]);
  await lake.close();
});

describe('explain', () => {
  it('tells the story of a path in words, and what would happen next', async () => {
    const { code, stdout } = await runCli(['explain', 'in/a.csv'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toBe(`in/a.csv
daily → bronze.daily, business date 2020-02-24
2026-01-02 00:00:01  123e5aa00000  loaded, 21 rows
    because the first delivery of this path and of these bytes [new]
    run run-a1
2026-01-02 00:00:02  123e5bb00000  loaded, 22 rows
    because other bytes than at its last delivery [correction]
    compared with the rows before: 2 added, 1 removed, 4 changed
    evidence: was 123e5aa00000, was_batch 1
    run run-a2
now: rows in bronze.daily, which is not there any more, of 123e5bb00000 loaded 2026-01-02 00:00:02
if it came again, it would be skipped: the same bytes as at its last delivery, loaded 2026-01-02T00:00:02.000000Z [same_bytes_same_path]
`);
  });

  it.each(['123e5aa', '123E5AA', '99999', 'a.csv', './in/a.csv', '/somewhere/in/a.csv', 'daily:2020-02-24'])(
    'finds the same file by %s',
    async (subject) => {
      const story = await json('explain', subject);
      expect(story.subject).toBe(subject);
      expect(story.files.map(({ path }: { path: string }) => path)).toEqual(['in/a.csv']);
      expect(story.files[0].now).toMatchObject({ loaded: [{ sha: B, run_id: 'run-a2' }], held_under: null });
      expect(story.files[0].steps).toHaveLength(2);
    },
  );

  it('refuses the beginning of several shas and lists them', async () => {
    const { code, stderr } = await runCli(['explain', '123e5'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('123e5aa000000000 (in/a.csv), 123e5bb000000000 (in/a.csv)');
  });

  it('shows an end instead of a beginning, and no control characters', async () => {
    const { stdout } = await runCli(['explain', 'b.csv'], { cwd });
    expect(stdout).not.toContain('begun');
    expect(stdout).toContain('error: row 7 has \\x1b[31m9 columns');
    expect(stdout).toContain('now: no rows in the target');
    expect(stdout).toContain('[failed_before]');
  });

  it('says so when it knows nothing', async () => {
    for (const folder of [cwd, empty]) {
      const { code, stdout, stderr } = await runCli(['explain', 'nothing.csv'], { cwd: folder });
      expect([code, stdout]).toEqual([0, '']);
      expect(stderr).toContain('no ingested file is named by "nothing.csv"');
    }
  });
});

describe('events', () => {
  const paths = async (...args: string[]) =>
    (await json('events', ...args)).map(({ path, status }: Record<string, string>) => `${path} ${status}`);

  it('lists what was recorded and ingested, newest last', async () => {
    const all = await paths();
    expect(all).toHaveLength(8);
    expect(all.at(-1)).toBe('in/c.csv RETRYING');
    expect(all.filter((line: string) => line.startsWith('in/file-'))).toHaveLength(3);
    expect(await paths('--limit', '2')).toEqual(['in/b.csv FAILED', 'in/c.csv RETRYING']);
  });

  it('filters', async () => {
    expect(await paths('--source', 'daily', '--status', 'failed')).toEqual(['in/b.csv FAILED']);
    expect(await paths('--path', 'b.csv')).toEqual(['in/b.csv PROCESSING', 'in/b.csv FAILED']);
    expect(await paths('--sha', '123e5')).toEqual(['in/a.csv INGESTED', 'in/a.csv INGESTED']);
    expect(await paths('--type', 'delivery', '--limit', '1')).toEqual(['in/c.csv RETRYING']);
    expect(await paths('--since', '1h')).toHaveLength(8);
    expect(await paths('--until', '1h')).toEqual([]);
    expect(await paths('--run', 'no-such')).toEqual([]);
    const wrong = await runCli(['events', '--since', 'yesterday'], { cwd });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--since is a time, not "yesterday"');
  });

  it('says that there are none yet', async () => {
    const { code, stderr } = await runCli(['events'], { cwd: empty });
    expect(code).toBe(0);
    expect(stderr).toContain('there are no events yet');
  });

  it('follows: prints what is there, then what comes, until it is interrupted', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'one.ndjson'), lines(events.slice(0, 1)));
    writeFileSync(join(folder, 'two.ndjson'), lines(events.slice(1, 2)));
    expect((await runCli(['record', 'one.ndjson'], { cwd: folder })).code).toBe(0);
    const child = startCli(['events', '--follow', '-o', 'ndjson'], { cwd: folder });
    const end = ended(child);
    await once(child.stdout, 'data');
    const more = once(child.stdout, 'data');
    expect((await runCli(['record', 'two.ndjson'], { cwd: folder })).code).toBe(0);
    await more;
    child.kill('SIGINT');
    const { code, stdout } = await end;
    expect(code).toBe(130);
    const told = stdout.trim().split('\n');
    expect(told.map((line) => JSON.parse(line).sha)).toEqual([A, B]);
    expect((await runCli(['events', '--follow', '-o', 'json'], { cwd: folder })).code).toBe(2);
  });
});

describe('runs', () => {
  it('lists runs, newest first, and filters them', async () => {
    const ids = async (...args: string[]) =>
      (await json('runs', 'list', ...args)).map((row: { run_id: string }) => row.run_id);
    expect(await ids()).toEqual(['run-a3', 'run-a2']);
    expect(await ids('--status', 'success')).toEqual(['run-a2']);
    expect(await ids('--limit', '1')).toEqual(['run-a3']);
    expect(await ids('--source', 'weekly')).toEqual([]);
    const none = await runCli(['runs', 'list'], { cwd: empty });
    expect([none.code, none.stderr.includes('there are no runs yet')]).toEqual([0, true]);
  });

  it('shows a run with its files, each with how it ended', async () => {
    expect(await json('runs', 'show', 'run-a3')).toMatchObject({
      run_id: 'run-a3',
      sources: [{ source: 'daily', status: 'failed', failed: 1, seconds: 2 }],
      files: [{ path: 'in/b.csv', status: 'FAILED', rule: 'new', reason: expect.stringContaining('row 7') }],
    });
    const text = await runCli(['runs', 'show', 'run-a2'], { cwd });
    expect(text.stdout).toMatch(/run +run-a2\n.*[\s\S]*in\/a\.csv/);
  });

  it('refuses a beginning of several ids, and an id that is none', async () => {
    const many = await runCli(['runs', 'show', 'run-a'], { cwd });
    expect([many.code, many.stderr.includes('run-a3, run-a2')]).toEqual([2, true]);
    expect((await runCli(['runs', 'show', 'x'], { cwd })).code).toBe(2);
  });
});

describe('status', () => {
  it('says of each source how it stands, also of those that never ran', async () => {
    const [daily, weekly] = await json('status');
    expect(daily).toMatchObject({
      source: 'daily',
      target: 'bronze.daily',
      state: 'problems',
      last_success: second(2).replace('.000000', ''),
      files: 1,
      rows: 22,
      waiting: 1,
      failed: 1,
      dead_letter: 0,
      held: 0,
      in_progress: 0,
      next_retry_at: second(9999),
      newest_business_date: '2020-02-24',
      last_run_id: 'run-a2',
      lock: null,
    });
    expect(weekly).toMatchObject({ source: 'weekly', state: 'never run', files: 0, age_seconds: null });
    const { stdout } = await runCli(['status', 'daily'], { cwd });
    expect(stdout).toContain('1 to retry, 1 failed');
    expect(stdout).not.toContain('weekly');
  });

  it('refuses a source that it does not know, and says when there is none', async () => {
    expect((await runCli(['status', 'dayly'], { cwd })).stderr).toContain('daily');
    const none = await runCli(['status'], { cwd: empty });
    expect([none.code, none.stdout, none.stderr.includes('there is no source yet')]).toEqual([0, '', true]);
  });
});
