import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileManifest } from '../../src/ingest/events/write-event.js';
import { fileEvent } from '../support/file-events.js';
import { runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const DAY = 86_400_000;

const shaOf = (bytes: string) => createHash('sha256').update(bytes).digest('hex');
const retention = (...args: string[]) => runCli(['retention', ...args], { cwd });

async function json(...args: string[]) {
  const { code, stdout, stderr } = await retention(...args, '-o', 'json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

function put(path: string, bytes: string, ageDays = 0): void {
  const file = join(cwd, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  const time = (Date.now() - ageDays * DAY) / 1000;
  utimesSync(file, time, time);
}

/** A delivered file with its raw copy, both `ageDays` old, and what the ledger says about it. */
function deliver(name: string, ageDays: number, status: 'INGESTED' | 'FAILED'): string {
  const bytes = `bytes of ${name}`;
  const at = `${new Date(Date.now() - ageDays * DAY).toISOString().slice(0, -1)}000Z`;
  const path = `in/${name}`;
  const event = fileEvent({ path, sha: shaOf(bytes), status, at, error: status === 'FAILED' ? 'bad line 3' : null });
  const { text } = fileManifest(event);
  put(path, bytes, ageDays);
  const folder = `lake/raw/daily/ingest_date=${at.slice(0, 10)}/file_sha=${shaOf(bytes)}`;
  put(`${folder}/${name}`, bytes);
  put(`${folder}/manifest.json`, `${text}\n`);
  return `${text}\n`;
}

const raw = (name: string) => `file_sha=${shaOf(`bytes of ${name}`)}/${name}`;

beforeAll(async () => {
  expect(await runCli(['init'], { cwd })).toMatchObject({ code: 0 });
  put('lakeledger.yaml', 'sources:\n  daily:\n    path: in/*.csv\n    into: bronze.daily\n');
  const events = [
    deliver('old.csv', 40, 'INGESTED'),
    deliver('new.csv', 2, 'INGESTED'),
    deliver('bad.csv', 50, 'FAILED'),
  ];
  put('events.ndjson', events.join(''));
  expect(await runCli(['record', 'events.ndjson'], { cwd })).toMatchObject({ code: 0 });
});

describe('retention', () => {
  it('says what would go and what must stay, and changes nothing', async () => {
    const found = await json('--older-than', '30', '--files');
    expect(found).toMatchObject({ dry_run: true, action: 'delete', older_than_days: 30, due: 2, refused: 2, young: 2 });
    expect(found.files.map((file: Record<string, unknown>) => [file.kind, file.outcome, file.reason])).toEqual([
      ['file', 'refused', 'its load failed: bad line 3'],
      ['file', 'would delete', null],
      ['raw', 'refused', 'its load failed: bad line 3'],
      ['raw', 'would delete', null],
    ]);
    expect((await json('daily', '--older-than', '30')).due).toBe(1);
    expect(existsSync(join(cwd, 'in/old.csv'))).toBe(true);
    const { stdout } = await retention('--older-than', '30');
    expect(stdout).toContain('would delete  1 file, ');
    expect(stdout).toContain(`${raw('bad.csv')}  (its load failed: bad line 3)`);
    expect(stdout).toContain(`${raw('old.csv')}  (40 days)`);
    expect(stdout).toContain('nothing was changed');
  });

  it('deletes only when somebody agrees', async () => {
    const refused = await retention('--older-than', '30', '--apply');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--yes');
    expect((await json('--older-than', '30')).due).toBe(1);
  });

  it.each([
    ['no age', [], '--older-than'],
    ['a source that nobody has', ['dialy', '--older-than', '3'], 'daily'],
    ['an archive within the lake', ['--older-than', '3', '--archive', 'lake/old'], 'outside the lake'],
  ])('%s is a usage error', async (_, args, hint) => {
    const { code, stderr } = await retention(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(hint);
  });

  it('archives, then deletes with --yes; what was not ingested stays', async () => {
    const done = await json('--older-than', '30', '--files', '--archive', 'old', '--apply');
    expect(done).toMatchObject({ dry_run: false, action: 'archive', archive: 'old', due: 2, refused: 2, failed: 0 });
    expect(existsSync(join(cwd, 'in/old.csv'))).toBe(false);
    const archived = join(cwd, 'old/files/daily', `file_sha=${shaOf('bytes of old.csv')}`, 'in/old.csv');
    expect(readFileSync(archived, 'utf8')).toBe('bytes of old.csv');
    expect((await json('--older-than', '0', '--files', '--apply', '--yes')).due).toBe(2);
    expect(existsSync(join(cwd, 'in/new.csv'))).toBe(false);
    expect(existsSync(join(cwd, 'in/bad.csv'))).toBe(true);
    expect(await json('--older-than', '0', '--files')).toMatchObject({ due: 0, refused: 2, young: 0 });
  });
});
