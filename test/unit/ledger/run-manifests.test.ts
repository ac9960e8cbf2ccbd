import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RunManifests } from '../../../src/ledger/runs/run-manifests.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { runManifest } from '../../support/run-manifests.js';
import { tempFolder } from '../../support/temp-folder.js';

const FOLDER = '_manifests/source=orders/ingest_date=2026-03-02';

function open(): { root: string; manifests: RunManifests; put: (path: string, text: string | Uint8Array) => void } {
  const root = tempFolder();
  const put = (path: string, text: string | Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  return { root, manifests: new RunManifests(new LocalStore(root)), put };
}

describe('run manifests', () => {
  it('are files by source, date and run, and are read again', async () => {
    const { root, manifests } = open();
    const first = runManifest({ run_id: '7f0c' });
    const path = await manifests.write(first);
    expect(path).toBe(`${FOLDER}/run_id=7f0c.json`);
    expect(JSON.parse(readFileSync(join(root, path), 'utf8'))).toEqual(first);
    const second = runManifest({ run_id: '8a11', status: 'failed' });
    await manifests.write(second);
    await manifests.write(runManifest({ ingest_date: '2026-03-01' }));
    await manifests.write(runManifest({ source: 'items_v2.x-1' }));
    expect(await manifests.sources()).toEqual(['items_v2.x-1', 'orders']);
    expect(await manifests.dates('orders')).toEqual(['2026-03-01', '2026-03-02']);
    expect(await manifests.read('orders', '2026-03-02')).toEqual({
      source: 'orders',
      date: '2026-03-02',
      manifests: [first, second],
      problems: [],
    });
    expect(await manifests.has('orders', '2026-03-02', '7f0c')).toBe(true);
    expect(await manifests.has('orders', '2026-03-02', '7f0')).toBe(false);
    expect(await manifests.read('nobody', '2026-03-02')).toMatchObject({ manifests: [], problems: [] });
    expect(await manifests.dates('nobody')).toEqual([]);
    expect(await open().manifests.sources()).toEqual([]);
  });

  it('are never changed: the same again is fine, another one of the same run is an error', async () => {
    const { root, manifests } = open();
    const manifest = runManifest({ run_id: 'r' });
    const path = await manifests.write(manifest);
    expect(await manifests.write({ ...manifest })).toBe(path);
    await expect(manifests.write({ ...manifest, status: 'failed' })).rejects.toMatchObject({
      code: 'RUN_MANIFEST',
      place: path,
      exitCode: 2,
    });
    expect(JSON.parse(readFileSync(join(root, path), 'utf8'))).toEqual(manifest);
  });

  it('of writers at once are all kept', async () => {
    const { root, manifests } = open();
    const other = new RunManifests(new LocalStore(root));
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? manifests : other).write(runManifest({ run_id: `w${i}` }))),
    );
    expect((await manifests.read('orders', '2026-03-02')).manifests).toHaveLength(50);
  });

  it.each(['a/b', '../x', 'ü€', 'a b%2F', 'run=1:2', '.', 'x'.repeat(200)])(
    'take any id of a run: %s',
    async (runId) => {
      const { manifests, root } = open();
      const path = await manifests.write(runManifest({ run_id: runId }));
      expect(dirname(path)).toBe(FOLDER);
      expect(path.slice(FOLDER.length + 1)).toMatch(/^run_id=[A-Za-z0-9_.%-]+\.json$/);
      expect(existsSync(join(root, path))).toBe(true);
      expect(await manifests.has('orders', '2026-03-02', runId)).toBe(true);
      const { manifests: read, problems } = await manifests.read('orders', '2026-03-02');
      expect([read.map(({ run_id }) => run_id), problems]).toEqual([[runId], []]);
    },
  );

  it('refuse what cannot be a name, a date or a manifest, and write nothing then', async () => {
    const { root, manifests } = open();
    for (const source of ['', '../x', 'a/b', 'a b', '.x', 'é']) {
      await expect(manifests.write(runManifest({ source }))).rejects.toMatchObject({ code: 'USAGE' });
      await expect(manifests.read(source, '2026-03-02')).rejects.toMatchObject({ code: 'USAGE' });
    }
    for (const date of ['2026-02-30', '2026-3-1', '../2026-03-01', '']) {
      await expect(manifests.write(runManifest({ ingest_date: date }))).rejects.toMatchObject({ code: 'USAGE' });
      await expect(manifests.skipCheck('orders', date)).rejects.toMatchObject({ code: 'USAGE' });
    }
    await expect(manifests.write(runManifest({ run_id: '' }))).rejects.toMatchObject({ code: 'USAGE' });
    const wrong = runManifest({ status: 'running' as 'failed' });
    await expect(manifests.write(wrong)).rejects.toMatchObject({ code: 'RUN_MANIFEST' });
    expect(readdirSync(root)).toEqual([]);
  });

  it('that cannot be used are told with their place, and the others are read', async () => {
    const { root, manifests, put } = open();
    const good = runManifest();
    await manifests.write(good);
    put(`${FOLDER}/run_id=cut.json`, '{"source":"orders","ru');
    put(`${FOLDER}/run_id=empty.json`, '');
    put(`${FOLDER}/run_id=zero.json`, new Uint8Array(64));
    put(`${FOLDER}/run_id=shape.json`, '{"status":"success"}');
    put(`${FOLDER}/copy.json`, JSON.stringify(good));
    put(`${FOLDER}/run_id=moved.json`, JSON.stringify(runManifest({ run_id: 'moved', ingest_date: '2026-03-01' })));
    put(`${FOLDER}/run_id=other.json`, JSON.stringify(runManifest({ run_id: 'other', source: 'items' })));
    // Files that are being written, or are none of ours.
    put(`${FOLDER}/.7c1f.tmp`, '{');
    put(`${FOLDER}/.hidden.json`, '{');
    put(`${FOLDER}/_SUCCESS`, '');
    put('_manifests/source=orders/ingest_date=2026-02-30/run_id=x.json', '{}');
    put('_manifests/source=orders/notes.txt', '');
    const { manifests: read, problems } = await manifests.read('orders', '2026-03-02');
    expect(read).toEqual([good]);
    expect(problems).toEqual([
      { place: `${FOLDER}/copy.json`, problem: expect.stringContaining(`run_id=${good.run_id}.json`) },
      { place: `${FOLDER}/run_id=cut.json`, problem: expect.stringContaining('no JSON') },
      { place: `${FOLDER}/run_id=empty.json`, problem: expect.stringContaining('no JSON') },
      { place: `${FOLDER}/run_id=moved.json`, problem: expect.stringContaining('ingest_date=2026-03-01') },
      { place: `${FOLDER}/run_id=other.json`, problem: expect.stringContaining('source=items') },
      { place: `${FOLDER}/run_id=shape.json`, problem: expect.stringMatching(/^source: /) },
      { place: `${FOLDER}/run_id=zero.json`, problem: expect.stringContaining('no JSON') },
    ]);
    expect(await manifests.dates('orders')).toEqual(['2026-03-02']);
    expect(existsSync(join(root, `${FOLDER}/run_id=cut.json`))).toBe(true);
  });

  it('of many dates come in one listing, the same as date by date', async () => {
    const { manifests, put } = open();
    const dates = Array.from({ length: 12 }, (_, i) => `2026-03-${String(i + 5).padStart(2, '0')}`);
    for (const [i, date] of dates.entries()) {
      const folder = `_manifests/source=orders/ingest_date=${date}`;
      for (let run = 0; run < i % 4; run++) await manifests.write(runManifest({ ingest_date: date, seq: 9 - run }));
      if (i % 3 === 0) put(`${folder}/run_id=bad.json`, '{');
      put(`${folder}/.tmp.json`, '{');
      put(`${folder}/notes.txt`, '');
      put(`${folder}/deeper/run_id=x.json`, '{');
    }
    await manifests.write(runManifest({ source: 'orders2' }));
    put('_manifests/source=orders/run_id=x.json', '{}');
    put('_manifests/source=orders/other/run_id=x.json', '{}');
    put('_manifests/source=orders/ingest_date=2026-02-31/run_id=x.json', '{}');
    const one = async (some: readonly string[]) => {
      const found = await Promise.all(some.map((date) => manifests.read('orders', date)));
      return found.filter((runs) => runs.manifests.length + runs.problems.length > 0);
    };
    const all = await manifests.readAll('orders');
    expect(all).toEqual(await one(dates));
    expect(all.length).toBeGreaterThan(8);
    const range = { from: '2026-03-07', to: '2026-03-11' };
    const within = dates.filter((date) => date >= range.from && date <= range.to);
    expect(await manifests.readAll('orders', range)).toEqual(await one(within));
    expect(await manifests.readAll('nobody')).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('that may not be read are a problem, not an error', async () => {
    const { root, manifests } = open();
    const path = await manifests.write(runManifest());
    chmodSync(join(root, path), 0o000);
    expect(await manifests.skipCheck('orders', '2026-03-02')).toEqual({ state: 'unreadable', places: [path] });
  });

  it('that the store does not give are a problem, not an error', async () => {
    const { root, manifests } = open();
    const lost = await manifests.write(runManifest({ run_id: 'lost' }));
    const kept = await manifests.write(runManifest({ run_id: 'kept', status: 'failed' }));
    const store: ObjectStore = new (class extends LocalStore {
      override async get(path: string): Promise<Uint8Array> {
        if (path === lost) throw new Error('connection reset');
        return super.get(path);
      }
    })(root);
    const runs = await new RunManifests(store).read('orders', '2026-03-02');
    expect(runs.problems).toEqual([{ place: lost, problem: 'connection reset' }]);
    expect(runs.manifests.map(({ run_id }) => `run_id=${run_id}.json`)).toEqual([kept.split('/').at(-1)]);
  });

  it('are read at most 32 at a time, whoever asks', async () => {
    const { root, manifests } = open();
    for (let i = 0; i < 100; i++) await manifests.write(runManifest({ ingest_date: `2026-03-${10 + (i % 20)}` }));
    let [now, most] = [0, 0];
    const counted = async <T>(work: () => Promise<T>): Promise<T> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return work().finally(() => now--);
    };
    const store = new (class extends LocalStore {
      override get = (path: string) => counted(() => super.get(path));
    })(root);
    const slow = new RunManifests(store);
    const dates = await slow.dates('orders');
    const found = await Promise.all([...dates.map((date) => slow.read('orders', date)), slow.readAll('orders')]);
    expect(found.flat().flatMap((one) => one.manifests)).toHaveLength(200);
    expect(most).toBe(32);
  });
});

describe('the skip check', () => {
  const check = async (...statuses: readonly ('success' | 'failed' | 'skipped' | 'corrupt')[]) => {
    const { manifests, put } = open();
    for (const [i, status] of statuses.entries()) {
      if (status === 'corrupt') put(`${FOLDER}/run_id=bad-${i}.json`, '{"status": "success"');
      else await manifests.write(runManifest({ status, run_id: `r${i}` }));
    }
    const found = await manifests.skipCheck('orders', '2026-03-02');
    return found.state === 'succeeded' ? `succeeded ${found.manifest.run_id}` : found.state;
  };

  it.each([
    ['not_succeeded', []],
    ['not_succeeded', ['failed']],
    ['not_succeeded', ['failed', 'skipped']],
    ['succeeded r0', ['success']],
    ['succeeded r1', ['failed', 'success']],
    // A forced run that fails does not undo what was there (Decision 5).
    ['succeeded r0', ['success', 'failed']],
    ['succeeded r2', ['success', 'failed', 'success', 'skipped', 'failed']],
    ['unreadable', ['corrupt']],
    ['unreadable', ['failed', 'corrupt']],
    ['unreadable', ['corrupt', 'skipped']],
    ['succeeded r1', ['corrupt', 'success']],
    ['succeeded r0', ['success', 'corrupt', 'failed']],
  ] as const)('says %s of %j', async (wanted, statuses) => expect(await check(...statuses)).toBe(wanted));
});
