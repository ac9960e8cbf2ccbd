import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openLake } from '../support/lake.js';
import { tempFolder } from '../support/temp-folder.js';
import { type CliOptions, type CliResult, runCli } from './cli.js';
import { madeManifests, ndjson } from './made-manifests.js';

const GOOD = { file_sha: 'good', pull_ts_utc: '2026-01-02T03:04:05Z', status: 'INGESTED', path: 'a.csv' };
const GOOD_LINE = JSON.stringify(GOOD);
/** Lines of a JavaScript stack; places of our own errors have no column. */
const STACK = /^\s+at .+:\d+:\d+\)?$/m;

interface Recorded extends CliResult {
  readonly file: string;
  readonly lake: string;
  /** Keys of the canonical table. */
  readonly keys: readonly unknown[];
  readonly quarantine: readonly Record<string, unknown>[];
}

/** Records `bytes` as one file, followed by a good one, into a new lake. */
async function recordBeforeGood(bytes: string | Uint8Array, options: CliOptions = {}): Promise<Recorded> {
  const folder = tempFolder();
  const lake = join(folder, 'lake');
  const file = join(folder, 'input.json');
  const good = join(folder, 'good.ndjson');
  writeFileSync(file, bytes);
  writeFileSync(good, `${GOOD_LINE}\n`);
  const result = await runCli(['record', file, good, '--lake', lake, '-o', 'json'], options);
  return { ...result, file, lake, ...(await readLake(lake)) };
}

async function readLake(root: string): Promise<Pick<Recorded, 'keys' | 'quarantine'>> {
  const lake = await openLake({ root });
  const names = await lake.catalog.names();
  const read = async (sql: string, table: string) => (names.includes(table) ? (await lake.select(sql)).rows : []);
  const keys = await read(
    'SELECT manifest_id FROM metadata.ingestion_manifest ORDER BY 1',
    'metadata.ingestion_manifest',
  );
  return {
    keys: keys.map((row) => row['manifest_id']),
    quarantine: await read(
      'SELECT file, line::INTEGER AS line, field, reason, text FROM metadata.manifest_quarantine ORDER BY line, field',
      'metadata.manifest_quarantine',
    ),
  };
}

interface Wanted {
  readonly line: number | null;
  readonly field: string | null;
  readonly reason: RegExp;
  readonly text: string;
}

function expectRejections(recorded: Recorded, wanted: readonly Wanted[]): void {
  expect(recorded, recorded.stderr).toMatchObject({ code: 1, signal: null });
  expect(recorded.stderr).not.toMatch(STACK);
  expect(recorded.quarantine).toEqual(
    wanted.map(({ reason, ...rest }) => ({ file: recorded.file, ...rest, reason: expect.stringMatching(reason) })),
  );
  const { rejected, rejections } = JSON.parse(recorded.stdout);
  expect(rejected).toBe(wanted.length);
  expect(rejections).toHaveLength(wanted.length);
  for (const { line, field } of wanted) {
    expect(rejections).toContainEqual({ file: recorded.file, line, field, reason: expect.any(String) });
  }
}

it.each<[string, string, Omit<Wanted, 'text'> & { text?: string }]>([
  ['an empty file', '', { line: null, field: null, reason: /empty/ }],
  ['blank lines only', '\n \n', { line: null, field: null, reason: /empty/, text: '' }],
  ['null', 'null', { line: 1, field: null, reason: /object.*null/ }],
  ['a number', '7', { line: 1, field: null, reason: /object.*number/ }],
  ['truncated JSON', '{"file_sha":"x","pull_ts_utc":', { line: 1, field: null, reason: /ends inside/ }],
  [
    'truncated JSON on a later line',
    `\n\n{"file_sha":"x",\n"pull`,
    { line: 3, field: null, reason: /./, text: '{"file_sha":"x",\n"pull' },
  ],
  [
    'a date that is no date',
    JSON.stringify({ ...GOOD, ingest_date: '2026-02-30' }),
    { line: 1, field: 'ingest_date', reason: /2026-02-30/ },
  ],
  [
    'a time that is no time',
    JSON.stringify({ ...GOOD, pull_ts_utc: 'yesterday' }),
    { line: 1, field: 'pull_ts_utc', reason: /yesterday/ },
  ],
  [
    'a negative size',
    JSON.stringify({ ...GOOD, size_bytes: -1 }),
    { line: 1, field: 'size_bytes', reason: /whole number from 0.*-1/ },
  ],
  [
    'a size beyond 2^53',
    '{"file_sha":"x","pull_ts_utc":"2026-01-02T03:04:05Z","status":"INGESTED","size_bytes":9007199254740993}',
    { line: 1, field: 'size_bytes', reason: /9007199254740991/ },
  ],
  [
    'too many rows',
    JSON.stringify({ ...GOOD, row_count_estimate: 3e9 }),
    { line: 1, field: 'row_count_estimate', reason: /2147483647/ },
  ],
  [
    'an unknown status',
    JSON.stringify({ ...GOOD, status: 'DONE' }),
    { line: 1, field: 'status', reason: /DONE.*INGESTED/ },
  ],
  [
    'a missing file_sha',
    JSON.stringify({ ...GOOD, file_sha: undefined }),
    { line: 1, field: 'file_sha', reason: /missing/ },
  ],
  ['a blank file_sha', JSON.stringify({ ...GOOD, file_sha: ' ' }), { line: 1, field: 'file_sha', reason: /blank/ }],
])('rejects %s with place and reason, and keeps the good manifest', async (_name, text, wanted) => {
  const recorded = await recordBeforeGood(text);
  expectRejections(recorded, [{ text, ...wanted }]);
  expect(recorded.keys).toEqual(['good']);
});

it('names every field of the wrong type', async () => {
  const text = '{"file_sha":12,"pull_ts_utc":true,"status":[],"size_bytes":"many","reprocess":"perhaps"}';
  const recorded = await recordBeforeGood(text);
  const reason = /12.*pull_ts_utc.*size_bytes.*many.*status.*array.*reprocess.*perhaps/;
  expectRejections(recorded, [{ line: 1, field: 'file_sha', reason, text }]);
});

it('keeps the good lines around the bad ones of one file', async () => {
  const lines = [
    GOOD_LINE,
    '{"oops',
    JSON.stringify({ ...GOOD, file_sha: 'b' }),
    '[',
    JSON.stringify({ ...GOOD, file_sha: 'c' }),
  ];
  const recorded = await recordBeforeGood(`${lines.join('\n')}\n`);
  expect(recorded.code).toBe(1);
  expect(recorded.keys).toEqual(expect.arrayContaining(['good', 'b']));
  expect(recorded.quarantine[0]).toMatchObject({ line: 2, text: '{"oops' });
  expect(recorded.stderr).not.toMatch(STACK);
});

const swapped = (text: string) => Buffer.from(text, 'utf16le').swap16();

it.each<[string, Uint8Array | string]>([
  ['a byte order mark', `\ufeff${GOOD_LINE}\n`],
  ['CRLF', `${GOOD_LINE}\r\n\r\n${GOOD_LINE}\r\n`],
  ['UTF-16LE with a mark', Buffer.from(`\ufeff${GOOD_LINE}\n`, 'utf16le')],
  ['UTF-16LE without one', Buffer.from(`${GOOD_LINE}\n`, 'utf16le')],
  ['UTF-16BE with a mark', swapped(`\ufeff${GOOD_LINE}\n`)],
  ['UTF-16BE without one', swapped(`${GOOD_LINE}\n`)],
])('reads a file with %s as the manifests that it is', async (_name, bytes) => {
  const recorded = await recordBeforeGood(bytes);
  expect(recorded, recorded.stderr).toMatchObject({ code: 0, keys: ['good'], quarantine: [] });
  // The same delivery, written differently, is one event.
  expect(JSON.parse(recorded.stdout)).toMatchObject({ events: 1, rejected: 0 });
});

it('tells the line of a bad manifest in a CRLF file', async () => {
  const recorded = await recordBeforeGood(`${GOOD_LINE}\r\n\r\n{"file_sha":"x","status":"INGESTED"}\r\n`);
  const text = '{"file_sha":"x","status":"INGESTED"}';
  expectRejections(recorded, [{ line: 3, field: 'pull_ts_utc', reason: /missing/, text }]);
});

it('stores SQL in values as the text that it is', async () => {
  const path = "'; DROP TABLE metadata.ingestion_manifest; --";
  const notes = '$run_id {{table}} "\\" \u0000 \u{1f600}';
  const recorded = await recordBeforeGood(JSON.stringify({ ...GOOD, file_sha: "x'); --", path, notes }));
  expect(recorded, recorded.stderr).toMatchObject({ code: 0, keys: ['good', "x'); --"] });
  const lake = await openLake({ root: recorded.lake });
  const { rows } = await lake.select(
    'SELECT file_path, meta FROM metadata.ingestion_manifest WHERE manifest_id = $id',
    { params: { id: "x'); --" } },
  );
  expect(rows[0]?.['file_path']).toBe(path);
  expect(JSON.parse(String(rows[0]?.['meta']))['notes']).toBe(notes);
});

it.each([
  ['that is one manifest', JSON.stringify({ ...GOOD, file_sha: 'big', notes: 'x'.repeat(50_000_000) })],
  ['that never closes its string', `{"file_sha":"${'y'.repeat(50_000_000)}`],
  ['without any sense', '['.repeat(50_000_000)],
])('survives a line of 50 MB %s', async (_name, text) => {
  const recorded = await recordBeforeGood(`${text}\n`);
  expect([0, 1], recorded.stderr).toContain(recorded.code);
  expect(recorded.stderr).not.toMatch(STACK);
  expect(recorded.keys).toContain('good');
  const { received, staged, rejected } = JSON.parse(recorded.stdout);
  expect({ staged, rejected, inQuarantine: recorded.quarantine.length }).toEqual({
    staged: received - rejected,
    rejected: recorded.code,
    inQuarantine: recorded.code,
  });
  if (recorded.code === 0) return;
  expect(recorded.quarantine[0]).toMatchObject({ line: 1, reason: expect.stringMatching(/./) });
  expect(text.startsWith(String(recorded.quarantine[0]?.['text']))).toBe(true);
});

it('an input that is not there is a usage error, before anything is written', async () => {
  const folder = tempFolder();
  const result = await runCli(['record', 'nowhere.json', '--lake', join(folder, 'lake'), '-o', 'json'], {
    cwd: folder,
  });
  expect(result).toMatchObject({ code: 2, stdout: '' });
  expect(result.stderr).toMatch(/^error\[USAGE\]: .*nowhere\.json/m);
  expect(result.stderr).not.toMatch(STACK);
  expect((await readLake(join(folder, 'lake'))).keys).toEqual([]);
});

it('--strict writes nothing when one manifest is bad', async () => {
  const folder = tempFolder();
  const lake = join(folder, 'lake');
  const result = await runCli(['record', '-', '--strict', '--lake', lake], { stdin: `${GOOD_LINE}\nnull\n` });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/^error\[REJECTED\][\s\S]*-:2/m);
  expect(await readLake(lake)).toEqual({ keys: [], quarantine: [] });
});

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** Someone whom permissions hold for: root is not. */
const anyone: CliOptions = isRoot ? { uid: NOBODY, gid: NOBODY, cwd: '/' } : {};

it('rejects a folder without permission and reads the others', async () => {
  const folder = tempFolder();
  const closed = join(folder, 'closed');
  const lake = join(folder, 'lake');
  mkdirSync(closed);
  mkdirSync(lake);
  writeFileSync(join(closed, 'a.json'), GOOD_LINE);
  writeFileSync(join(folder, 'good.json'), GOOD_LINE);
  for (const open of [folder, lake]) chmodSync(open, 0o777);
  chmodSync(closed, 0);
  onTestFinished(() => chmodSync(closed, 0o700));
  const result = await runCli(['record', closed, join(folder, 'good.json'), '--lake', lake, '-o', 'json'], anyone);
  expect(result, result.stderr).toMatchObject({ code: 1 });
  expect(JSON.parse(result.stdout).rejections).toEqual([
    { file: closed, line: null, field: null, reason: expect.stringMatching(/permission denied/) },
  ]);
  expect((await readLake(lake)).keys).toEqual(['good']);
});

it('a lake without permission is exit 3 with the place', async () => {
  const folder = tempFolder();
  const lake = join(folder, 'lake');
  mkdirSync(lake);
  chmodSync(folder, 0o755);
  chmodSync(lake, 0o555);
  const result = await runCli(['record', '-', '--lake', lake], { ...anyone, stdin: GOOD_LINE });
  expect(result).toMatchObject({ code: 3, stdout: '' });
  expect(result.stderr).toMatch(/^error\[STORAGE\].*EACCES/m);
  expect(result.stderr).toContain(lake);
  expect(result.stderr).toMatch(/^\s+try: .*permission/m);
  expect(result.stderr).not.toMatch(STACK);
});

function canMount(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'ignore' });
    onTestFinished(() => void execFileSync('umount', [folder]));
    return true;
  } catch {
    return false;
  }
}

it('a full disk is exit 3; with space again the same command finishes the work', async ({ skip }) => {
  const disk = join(tempFolder(), 'disk');
  mkdirSync(disk);
  if (!canMount(disk)) skip('a small disk can only be mounted by root');
  const lake = join(disk, 'lake');
  const stdin = ndjson(madeManifests({ seed: 5, count: 1500, keys: 1500, days: 5 }));
  const args = ['record', '-', '--lake', lake, '--batch-size', '100', '-o', 'json'];
  const full = await runCli(args, { stdin });
  expect(full).toMatchObject({ code: 3, stdout: '' });
  expect(full.stderr).toMatch(/^error\[STORAGE\].*[Nn]o space left/m);
  expect(full.stderr).toMatch(/^\s+try: free some disk space/m);
  expect(full.stderr).not.toMatch(STACK);

  execFileSync('mount', ['-o', 'remount,size=64m', disk]);
  const again = await runCli(args, { stdin });
  expect(again, again.stderr).toMatchObject({ code: 0 });
  const state = await openLake({ root: lake });
  const { rows } = await state.select(
    'SELECT count(*) AS n, count(DISTINCT event_id) AS d FROM metadata.ingestion_event',
  );
  expect(rows).toEqual([{ n: 1500n, d: 1500n }]);
  await state.close();
});
