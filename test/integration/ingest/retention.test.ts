import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ResolvedSource } from '../../../src/ingest/config/source-config.js';
import { adHocSource } from '../../../src/ingest/config/source-config.js';
import { keepRawCopy, listRawCopies, type RawManifest, writeRawManifest } from '../../../src/ingest/load/raw-copy.js';
import { applyRetention } from '../../../src/ingest/manage/apply-retention.js';
import { planRetention, type RetentionRequest, retentionProblem } from '../../../src/ingest/manage/retention.js';
import { readSourceStates } from '../../../src/ingest/manage/source-states.js';
import type { FileEvent } from '../../../src/ingest/model.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { fileEvent, recordEvents, sha } from '../../support/file-events.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;

const shaOf = (bytes: string) => createHash('sha256').update(bytes).digest('hex');

function statesOf(events: readonly FileEvent[]): Map<string, FileStates> {
  const targets = new Map<string, FileEvent[]>();
  for (const event of events) targets.set(event.target, [...(targets.get(event.target) ?? []), event]);
  return new Map([...targets].map(([target, some]) => [target, new FileStates(some)]));
}

/** What became of bytes `a` at `a.csv`. */
const HISTORIES: readonly (readonly [string, readonly Partial<FileEvent>[], string | null])[] = [
  ['nothing', [], 'the ledger does not know it'],
  ['other bytes were loaded', [{ sha: sha('b') }], 'the ledger does not know it'],
  ['loaded', [{}], null],
  ['loaded again', [{ status: 'REPROCESSED', action: 'replace', rule: 'reprocess' }], null],
  ['loaded, then replaced', [{}, { seq: 2, sha: sha('b'), action: 'replace', rule: 'correction' }], null],
  ['failed', [{ status: 'FAILED', error: 'bad line 3' }], 'its load failed: bad line 3'],
  ['failed, then loaded', [{ status: 'FAILED' }, { seq: 2, attempt: 2 }], null],
  ['loaded, then failed', [{}, { seq: 2, status: 'FAILED', errorCode: 'X' }], 'its load failed: X'],
  ['to be tried again', [{ status: 'RETRYING', error: 'busy' }], 'its load failed: busy'],
  ['held', [{ status: 'QUARANTINED', action: 'hold' }], 'it is held until somebody decides'],
  ['begun', [{ status: 'PROCESSING' }], 'its load began and did not end'],
  ['loaded, then begun', [{}, { seq: 2, status: 'PROCESSING' }], 'its load began and did not end'],
  ['to be loaded again', [{}, { seq: 2, status: 'PENDING', reprocess: true }], 'it is to be loaded again'],
  ['registered only', [{ status: 'PENDING' }], 'it was never loaded'],
  [
    'the same as a loaded file',
    [{ path: 'first.csv' }, { seq: 2, status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' }],
    null,
  ],
  [
    'the same as a file that was replaced since',
    [
      { path: 'first.csv' },
      { seq: 2, status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path' },
      { seq: 3, path: 'first.csv', sha: sha('b'), action: 'replace', rule: 'correction' },
    ],
    'no file with its bytes is loaded any more',
  ],
];

describe('a file may go when it was ingested', () => {
  it.each(HISTORIES)('%s', (_, history, expected) => {
    const states = statesOf(history.map((event) => fileEvent(event)));
    expect(retentionProblem(states, { path: 'a.csv', sha: sha('a') })).toBe(expected);
  });

  it('by every target that knows it, and by the one that is asked for', () => {
    const file = { path: 'a.csv', sha: sha('a') };
    const other = { target: 'bronze.other' };
    const loaded = fileEvent();
    expect(retentionProblem(statesOf([loaded, fileEvent(other)]), file)).toBeNull();
    const failed = fileEvent({ ...other, status: 'FAILED', error: 'no' });
    expect(retentionProblem(statesOf([loaded, failed]), file)).toBe('bronze.other: its load failed: no');
    const unrelated = fileEvent({ ...other, sha: sha('b') });
    expect(retentionProblem(statesOf([loaded, unrelated]), file)).toBeNull();
    expect(retentionProblem(statesOf([loaded, unrelated]), file, 'bronze.other')).toContain('does not know it');
    expect(retentionProblem(statesOf([loaded]), file, 'bronze.none')).toBe('the ledger does not know it');
  });
});

/** A lake with raw copies and a folder with delivered files. */
function world() {
  const folder = tempFolder();
  const store = new LocalStore(join(folder, 'lake'));
  const archive = new LocalStore(join(folder, 'archive'));
  const events: FileEvent[] = [];
  const put = (path: string, bytes: string, ageDays: number) => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    utimesSync(file, (NOW - ageDays * DAY) / 1000, (NOW - ageDays * DAY) / 1000);
    return file;
  };
  const keep = async (name: string, bytes: string, ageDays: number, paths: readonly string[] = [name]) => {
    const time = new Date(NOW - ageDays * DAY).toISOString();
    const ingestDate = time.slice(0, 10);
    const location = put('upload', bytes, 0);
    const path = await keepRawCopy({ store, location, source: 'daily', ingestDate, sha: shaOf(bytes), name });
    for (const each of paths) {
      await writeRawManifest(store, path, { path: each, pull_ts_utc: time, file_sha: shaOf(bytes) } as RawManifest);
    }
    return path;
  };
  const tell = (path: string, bytes: string, more: Partial<FileEvent> = {}) =>
    events.push(fileEvent({ path, sha: shaOf(bytes), ...more }));
  const plan = (more: Partial<RetentionRequest> = {}) =>
    planRetention({
      store,
      states: async (source) => statesOf(events.filter((event) => event.source === source)),
      olderThanDays: 30,
      now: NOW,
      ...more,
    });
  const source = (name: string, pattern: string): ResolvedSource => ({
    ...adHocSource({ files: [pattern], into: 'bronze.daily', cwd: folder }),
    absolutePaths: false,
    root: folder,
    name,
  });
  return { folder, store, archive, put, keep, tell, plan, source };
}

const brief = (items: readonly { path: string; refused: string | null }[]) =>
  items.map(({ path, refused }) => [path.slice(path.lastIndexOf('/') + 1), refused]);

describe('raw copies', () => {
  it('that are old enough may go when they were ingested; the rest is refused with its reason', async () => {
    const { keep, tell, plan, store } = world();
    await keep('old.csv', 'old', 31);
    tell('old.csv', 'old');
    await keep('young.csv', 'young', 30);
    tell('young.csv', 'young');
    await keep('failed.csv', 'failed', 90);
    tell('failed.csv', 'failed', { status: 'FAILED', error: 'bad' });
    await keep('unknown.csv', 'unknown', 90);
    await keep('both.csv', 'both', 90, ['x/both.csv', 'y/both.csv']);
    tell('x/both.csv', 'both');
    await keep('bare.csv', 'bare', 90, []);
    tell('bare.csv', 'bare');
    const before = await listRawCopies(store);
    const { items, young } = await plan();
    expect(brief([...items].sort((a, b) => (a.path.split('/').at(-1)! < b.path.split('/').at(-1)! ? -1 : 1)))).toEqual([
      ['bare.csv', 'there is no manifest beside it'],
      ['both.csv', 'the ledger does not know it'],
      ['failed.csv', 'its load failed: bad'],
      ['old.csv', null],
      ['unknown.csv', 'the ledger does not know it'],
    ]);
    expect(young).toBe(1);
    expect(items.find((item) => item.path.endsWith('old.csv'))).toMatchObject({ kind: 'raw', ageDays: 31, size: 3 });
    expect(await listRawCopies(store)).toEqual(before);
    expect((await plan({ sources: ['other'] })).items).toEqual([]);
  });

  it('are archived whole with their manifest, or deleted; nothing else is touched', async () => {
    const { keep, tell, plan, store, archive } = world();
    const path = await keep('old.csv', 'old', 31);
    tell('old.csv', 'old');
    const stays = await keep('failed.csv', 'failed', 90);
    tell('failed.csv', 'failed', { status: 'FAILED' });
    const [before] = (await listRawCopies(store)).filter((copy) => copy.path === path);
    const outcomes = await applyRetention(await plan(), { store, archive });
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['archived', 'refused']);
    expect((await listRawCopies(store)).map((copy) => copy.path)).toEqual([stays]);
    expect(await listRawCopies(archive)).toEqual([before]);
    expect(readFileSync(archive.location(path), 'utf8')).toBe('old');
    expect(await store.list(path.slice(0, path.lastIndexOf('/')))).toEqual([]);
    await keep('old.csv', 'old', 31);
    const deleted = await applyRetention(await plan(), { store });
    expect(deleted.map(({ outcome }) => outcome).sort()).toEqual(['deleted', 'refused']);
    expect((await listRawCopies(store)).map((copy) => copy.path)).toEqual([stays]);
  });

  it('of one content and two names share a manifest until the last one goes', async () => {
    const { keep, tell, plan, store } = world();
    await keep('a.csv', 'same', 40);
    const second = await keep('b.csv', 'same', 40);
    tell('a.csv', 'same');
    tell('b.csv', 'same', { status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path', seq: 2 });
    const { items, young } = await plan();
    await applyRetention({ items: items.slice(0, 1), young }, { store });
    const [left] = await listRawCopies(store);
    expect(left).toMatchObject({ path: second, manifests: [{ path: 'a.csv' }, { path: 'b.csv' }] });
  });

  it('that are damaged are not archived, and do not stop the others', async () => {
    const { keep, tell, plan, store, archive } = world();
    const damaged = await keep('a.csv', 'good', 40);
    tell('a.csv', 'good');
    await keep('b.csv', 'fine', 41);
    tell('b.csv', 'fine');
    writeFileSync(store.location(damaged), 'evil');
    const outcomes = await applyRetention(await plan(), { store, archive });
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['archived', 'failed']);
    expect(outcomes.find(({ outcome }) => outcome === 'failed')?.error?.message).toContain('damaged');
    expect(existsSync(store.location(damaged))).toBe(true);
    expect((await listRawCopies(archive)).map((copy) => copy.name)).toEqual(['b.csv']);
  });
});

describe('delivered files', () => {
  it('that were ingested are archived with their time and path, or deleted', async () => {
    const { folder, put, tell, plan, source, store, archive } = world();
    put('in/x/old.csv', 'old', 40);
    put('in/failed.csv', 'failed', 40);
    put('in/young.csv', 'young', 3);
    tell('in/x/old.csv', 'old');
    tell('in/failed.csv', 'failed', { status: 'FAILED' });
    tell('in/young.csv', 'young');
    const files = [source('daily', 'in/**/*.csv')];
    const found = await plan({ files });
    expect(brief(found.items)).toEqual([
      ['failed.csv', expect.stringContaining('its load failed')],
      ['old.csv', null],
    ]);
    expect(found.young).toBe(1);
    await applyRetention(found, { store, archive });
    const archived = archive.location(`files/daily/file_sha=${shaOf('old')}/in/x/old.csv`);
    expect(readFileSync(archived, 'utf8')).toBe('old');
    expect(statSync(archived).mtimeMs).toBe(NOW - 40 * DAY);
    expect(existsSync(join(folder, 'in/x/old.csv'))).toBe(false);
    expect(existsSync(join(folder, 'in/failed.csv'))).toBe(true);
    put('in/x/old.csv', 'old', 40);
    await applyRetention(await plan({ files }), { store });
    expect(existsSync(join(folder, 'in/x/old.csv'))).toBe(false);
    expect(existsSync(join(folder, 'in/young.csv'))).toBe(true);
  });

  it('have the bytes of now: a file that is other than what was ingested stays', async () => {
    const { folder, put, tell, plan, source, store, archive } = world();
    put('in/a.csv', 'changed', 40);
    tell('in/a.csv', 'ingested');
    const files = [source('daily', 'in')];
    expect(brief((await plan({ files })).items)).toEqual([['a.csv', 'the ledger does not know it']]);
    const file = put('in/a.csv', 'ingested', 40);
    const found = await plan({ files });
    appendFileSync(file, 'more');
    for (const options of [{ store, archive }, { store }]) {
      const outcomes = await applyRetention(found, options);
      expect(outcomes).toMatchObject([{ outcome: 'failed', error: { code: 'SOURCE_CHANGED' } }]);
      expect(readFileSync(join(folder, 'in/a.csv'), 'utf8')).toBe('ingestedmore');
    }
    expect(await archive.listFolders('')).not.toContain('raw');
  });

  it('that another source still needs stay, also when it finds them through a link', async () => {
    const { folder, put, tell, plan, source } = world();
    put('in/a.csv', 'a', 40);
    tell('in/a.csv', 'a');
    symlinkSync('in', join(folder, 'linked'));
    for (const pattern of ['in/*.csv', 'linked/*.csv']) {
      const files = [source('daily', 'in'), source('other', pattern)];
      const found = await plan({ files, sources: ['daily'] });
      expect(brief(found.items)).toEqual([['a.csv', 'source other: the ledger does not know it']]);
    }
  });

  it('that went away already are no error', async () => {
    const { plan, source } = world();
    expect(await plan({ files: [source('daily', 'in/a.csv')] })).toEqual({ items: [], young: 0 });
  });
});

it('the states of a source are read from the ledger, by target', async () => {
  const lake = await openLake();
  const other = fileEvent({ target: 'bronze.other', status: 'FAILED', error: 'no', seq: 2 });
  await recordEvents(lake, [fileEvent(), other, fileEvent({ source: 'else', path: 'b.csv' })]);
  const states = await readSourceStates({ session: await lake.session(), catalog: lake.catalog }, 'daily');
  expect([...states.keys()].sort()).toEqual(['bronze.daily', 'bronze.other']);
  const file = { path: 'a.csv', sha: sha('a') };
  expect(retentionProblem(states, file)).toBe('bronze.other: its load failed: no');
  expect(retentionProblem(states, { ...file, path: 'b.csv' })).toBe('the ledger does not know it');
});
