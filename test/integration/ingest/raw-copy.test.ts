import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  keepRawCopy,
  listRawCopies,
  type RawManifest,
  verifyRawCopy,
  writeRawManifest,
} from '../../../src/ingest/load/raw-copy.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { tempFolder } from '../../support/temp-folder.js';

const DATE = '2026-01-02';

function shaOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function lakeAndFile(bytes: Uint8Array | string = 'a,b\n1,2\n') {
  const folder = tempFolder();
  const location = join(folder, 'delivered');
  writeFileSync(location, bytes);
  const store = new LocalStore(join(folder, 'lake'));
  const request = { store, location, source: 'daily', ingestDate: DATE, sha: shaOf(bytes), name: 'a.csv' };
  return { folder, store, location, request };
}

function manifestOf(sha: string, path: string, more: Partial<RawManifest> = {}): RawManifest {
  return {
    file_sha: sha,
    source: 'daily',
    path,
    pull_ts_utc: '2026-01-02T00:00:00Z',
    size_bytes: 8,
    row_count_estimate: 1,
    target_backend: 'DELTA',
    dest_path: 'bronze.daily',
    ingest_date: DATE,
    status: 'INGESTED',
    notes: null,
    reprocess: false,
    ...more,
  };
}

describe('a raw copy', () => {
  it('has its place by source, date and content, with the bytes of the file', async () => {
    for (const size of [0, 8, 3_000_000]) {
      const bytes = Buffer.alloc(size, 'some bytes');
      const { store, request } = lakeAndFile(bytes);
      const path = await keepRawCopy(request);
      expect(path).toBe(`raw/daily/ingest_date=${DATE}/file_sha=${shaOf(bytes)}/a.csv`);
      expect(readFileSync(store.location(path)).equals(bytes)).toBe(true);
    }
  });

  it('of a file that changed is not kept', async () => {
    const { store, location, request } = lakeAndFile(Buffer.alloc(2_000_000));
    appendFileSync(location, 'x');
    await expect(keepRawCopy(request)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, exitCode: 1 });
    expect(await listRawCopies(store)).toEqual([]);
    rmSync(location);
    await expect(keepRawCopy(request)).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE', place: location });
  });

  it('that is there is left alone, one of another size is written again', async () => {
    const { store, request } = lakeAndFile();
    const path = await keepRawCopy(request);
    const before = await store.findMeta(path);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await keepRawCopy(request)).toBe(path);
    expect(await store.findMeta(path)).toEqual(before);
    truncateSync(store.location(path), 3);
    await keepRawCopy(request);
    expect(readFileSync(store.location(path), 'utf8')).toBe('a,b\n1,2\n');
  });

  it('stands where it belongs whatever the names of source and file are, and is listed with them', async () => {
    const names = [
      '..',
      '.',
      '../../../etc/passwd',
      '/etc/passwd',
      'a\\..\\b',
      '.hidden',
      'manifest.json',
      '%2e%2e',
      'ü "q" \u{1f986}.csv',
      'n\nl\0',
    ];
    for (const name of names) {
      const { folder, store, request } = lakeAndFile();
      const path = await keepRawCopy({ ...request, source: name, name });
      expect(path.split('/')).toHaveLength(5);
      await writeRawManifest(store, path, manifestOf(request.sha, name));
      expect(await listRawCopies(store)).toMatchObject([{ source: name, name, path, sha: request.sha, size: 8 }]);
      expect(await listRawCopies(store, name)).toHaveLength(1);
      expect(readdirSync(store.root)).toEqual(['raw']);
      expect(readdirSync(folder).sort()).toEqual(['delivered', 'lake']);
    }
  });

  it('of no date or content is refused', async () => {
    const { store, request } = lakeAndFile();
    for (const bad of [{ ingestDate: '../../..' }, { sha: '../x' }, { source: '' }]) {
      await expect(keepRawCopy({ ...request, ...bad })).rejects.toMatchObject({ code: 'STORAGE' });
    }
    expect(existsSync(store.root)).toBe(false);
  });

  it('has its manifest beside it, one for each path of these bytes', async () => {
    const { store, request } = lakeAndFile();
    const path = await keepRawCopy(request);
    const first = manifestOf(request.sha, 'in/a.csv', { ingest: { run_id: 'r1', rows: 1 } });
    await writeRawManifest(store, path, first);
    const file = `${store.location(path).slice(0, -'a.csv'.length)}manifest.json`;
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(first);
    const second = manifestOf(request.sha, 'again/a.csv');
    await writeRawManifest(store, path, second);
    const newer = { ...first, ingest: { run_id: 'r2' } };
    await writeRawManifest(store, path, newer);
    const [copy, ...rest] = await listRawCopies(store, 'daily');
    expect(rest).toEqual([]);
    expect(copy).toEqual({
      source: 'daily',
      ingestDate: DATE,
      sha: request.sha,
      name: 'a.csv',
      path,
      size: 8,
      manifest: second,
      manifests: [second, newer],
    });
  });

  it('is listed in order, by source, without what a cut-off copy left', async () => {
    const { store, request } = lakeAndFile();
    await keepRawCopy({ ...request, source: 'b' });
    await keepRawCopy({ ...request, source: 'a', ingestDate: '2026-01-03' });
    const path = await keepRawCopy({ ...request, source: 'a' });
    writeFileSync(store.location(path.replace('a.csv', '.0-1.tmp')), 'half');
    expect((await listRawCopies(store)).map((copy) => `${copy.source} ${copy.ingestDate}`)).toEqual([
      'a 2026-01-02',
      'a 2026-01-03',
      'b 2026-01-02',
    ]);
    expect(await listRawCopies(store, 'a')).toHaveLength(2);
    expect(await listRawCopies(store, 'none')).toEqual([]);
  });

  it('is verified by its bytes and its manifest', async () => {
    const { store, request } = lakeAndFile(Buffer.alloc(2_500_000, 'xy'));
    const path = await keepRawCopy(request);
    const read = async () => (await listRawCopies(store))[0]!;
    expect(await verifyRawCopy(store, await read())).toBe('there is no manifest.json beside it');
    await writeRawManifest(store, path, manifestOf(request.sha, 'a.csv'));
    const copy = await read();
    expect(await verifyRawCopy(store, copy)).toBeNull();
    const bytes = readFileSync(store.location(path));
    bytes[2_400_000] = 0;
    writeFileSync(store.location(path), bytes);
    expect(await verifyRawCopy(store, copy)).toBe(`its bytes have SHA-256 ${shaOf(bytes)}`);
    rmSync(store.location(path));
    expect(await verifyRawCopy(store, copy)).toBe('the file is gone');
  });
});
