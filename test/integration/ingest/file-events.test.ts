import { describe, expect, test } from 'vitest';
import { readFileEvents, readOpenEvents, readRelatedEvents } from '../../../src/ingest/events/read-events.js';
import { fileManifest, ingestDetail } from '../../../src/ingest/events/write-event.js';
import type { FileEvent } from '../../../src/ingest/model.js';
import { fileEvent, recordEvents, sha } from '../../support/file-events.js';
import { openLake, recordObjects } from '../../support/lake.js';

const full = fileEvent({
  path: 'in/regióni "x"\\1.csv',
  sha: sha('abc1'),
  status: 'FAILED',
  action: 'replace',
  rule: 'correction',
  reason: 'other bytes than at its last delivery',
  seq: 41,
  at: '2026-01-02T03:04:05.123456Z',
  runId: 'run-7',
  batch: 12,
  rows: 3_000_000_000,
  attempt: 2,
  nextRetryAt: '2026-01-02T03:05:05.000000Z',
  errorCode: 'SOURCE_CHANGED',
  error: 'the file changed while it was read\nline 2 — "quoted" 🙂',
  gitSha: '0123456789abcdef0123456789abcdef01234567',
  size: 9_007_199_254_740_991,
  businessDate: '2020-02-24',
  schemaVersion: 9,
  detail: {
    evidence: { was: sha('b'), was_batch: 3, share: 0.1, none: null },
    diff: { added: 1, removed: 2, changed: 3 },
    replaced: [sha('b')],
    notes: ['read as windows-1252'],
    format: 'csv',
  },
});

function withDetail(event: FileEvent): FileEvent {
  return { ...event, detail: ingestDetail(event) };
}

async function reading() {
  const lake = await openLake();
  return { lake, deps: { session: await lake.session(), catalog: lake.catalog } };
}

describe('events of files', () => {
  test('come back from the ledger as they were written, with the version they were read at', async () => {
    const { lake, deps } = await reading();
    const plain = fileEvent({ seq: 42, reprocess: true, status: 'PENDING' });
    await recordEvents(lake, [full]);
    await recordEvents(lake, [plain]);
    const { events, version } = await readFileEvents(deps);
    expect(events).toStrictEqual([withDetail(full), withDetail(plain)]);
    // The newest decision came from a lake with a longer log: what is decided now comes after it.
    expect(version).toBe(42);
  });

  test('are file manifests that the ledger counts once', async () => {
    const { lake, deps } = await reading();
    await recordEvents(lake, [full]);
    await recordEvents(lake, [full]);
    await recordObjects(lake, [fileManifest(full).value]);
    expect((await readFileEvents(deps)).events).toHaveLength(1);
    const { rows } = await lake.select('SELECT file_sha, status, row_count_estimate FROM metadata.ingestion_manifest');
    expect(rows).toEqual([{ file_sha: full.sha, status: 'FAILED', row_count_estimate: null }]);
  });

  test('are none in a lake without an event log, and manifests of others are not among them', async () => {
    const { lake, deps } = await reading();
    expect(await readFileEvents(deps)).toEqual({ events: [], version: 0 });
    expect((await readOpenEvents(deps)).events).toEqual([]);
    const { ingest, ...manifest } = fileManifest(full).value;
    await recordObjects(lake, [manifest, { ...manifest, path: 'b.csv', ingest: 'text' }]);
    expect((await readFileEvents(deps)).events).toEqual([]);
  });

  test('are filtered by source, target, path, the beginning of a sha, and date', async () => {
    const { lake, deps } = await reading();
    const other = fileEvent({ seq: 50, path: 'b.csv', sha: sha('bb'), source: 'weekly', target: 'bronze.weekly' });
    await recordEvents(lake, [full, other]);
    const paths = async (filter: Parameters<typeof readFileEvents>[1]) =>
      (await readFileEvents(deps, filter)).events.map(({ path }) => path);
    for (const filter of [
      { source: 'daily' },
      { target: 'bronze.daily' },
      { path: full.path },
      { sha: 'abc' },
      { sha: '0123456' },
      { date: '2020-02-24' },
    ]) {
      expect(await paths(filter)).toEqual([full.path]);
    }
    expect(await paths({ date: '2026-01-02' })).toEqual([full.path, 'b.csv']);
    expect(await paths({ sha: 'ab%' })).toEqual([]);
    expect(await paths({ date: 'yesterday' })).toEqual([]);
  });

  test('that can matter for some files are found without reading all', async () => {
    const { lake, deps } = await reading();
    await recordEvents(lake, [
      fileEvent({ seq: 1, path: 'p', sha: sha('a') }),
      fileEvent({ seq: 2, path: 'p', sha: sha('b'), action: 'replace' }),
      fileEvent({ seq: 3, path: 'q', sha: sha('b'), status: 'SKIPPED', rule: 'same_bytes_new_path' }),
      fileEvent({ seq: 4, path: 'r', sha: sha('a') }),
      fileEvent({ seq: 5, path: 'r', sha: sha('c'), action: 'replace' }),
      fileEvent({ seq: 6, path: 'unrelated', sha: sha('d') }),
      fileEvent({ seq: 7, path: 'p', sha: sha('a'), source: 'weekly' }),
    ]);
    const request = { source: 'daily', target: 'bronze.daily' };
    const read = async (path: string, letter: string) =>
      (await readRelatedEvents(deps, { ...request, files: [{ path, sha: sha(letter) }] })).events.map(({ seq }) => seq);
    expect(await read('p', 'x')).toEqual([1, 2, 3, 4, 5]);
    expect(await read('new', 'b')).toEqual([1, 2, 3, 4, 5]);
    expect(await read('new', 'd')).toEqual([6]);
    expect(await read('new', 'x')).toEqual([]);
    expect((await readRelatedEvents(deps, { ...request, files: [] })).events).toEqual([]);
  });

  test('without an end are found: of a run that died, not those that any event of the same run ended', async () => {
    const { lake, deps } = await reading();
    const begin = { status: 'PROCESSING' } as const;
    await recordEvents(lake, [
      fileEvent({ ...begin, path: 'ended', seq: 1, batch: 1 }),
      fileEvent({ path: 'ended', seq: 1, batch: 1 }),
      fileEvent({ ...begin, path: 'cut', sha: sha('b'), seq: 1, batch: 1 }),
      fileEvent({ ...begin, path: 'ended by another run', sha: sha('c'), seq: 2, batch: 2 }),
      fileEvent({ path: 'ended by another run', sha: sha('c'), seq: 3, batch: 3 }),
      fileEvent({ ...begin, path: 'lost a race', sha: sha('d'), seq: 4, batch: 4, at: '2026-01-02T00:00:10.000000Z' }),
      fileEvent({ ...begin, path: 'lost a race', sha: sha('d'), seq: 4, batch: 5, at: '2026-01-02T00:00:11.000000Z' }),
      fileEvent({ ...begin, path: 'asked again', sha: sha('e'), seq: 6, batch: 6, runId: 'r6' }),
      fileEvent({ status: 'PENDING', reprocess: true, path: 'asked again', sha: sha('e'), seq: 7, runId: 'r6' }),
    ]);
    const dead = { path: 'recovered', sha: sha('f'), seq: 8, runId: 'dead' };
    const next = { path: 'recovered', sha: sha('f'), seq: 9, runId: 'next' };
    await recordEvents(lake, [fileEvent({ ...begin, ...dead }), fileEvent({ ...begin, ...next })]);
    await recordEvents(lake, [fileEvent({ ...dead, at: '2026-01-02T00:00:20.000000Z' })], 'next');
    const { events } = await readOpenEvents(deps, { source: 'daily', target: 'bronze.daily' });
    expect(events.map(({ path, batch }) => [path, batch])).toEqual([
      ['cut', 1],
      ['ended by another run', 2],
      ['lost a race', 5],
      ['asked again', 6],
      ['recovered', null],
    ]);
    expect(events.at(-1)?.runId).toBe('next');
    expect((await readOpenEvents(deps, { source: 'weekly' })).events).toEqual([]);
  });
});
