import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../src/base/lake-error.js';
import { Session } from '../../../src/duckdb/session.js';
import {
  type CanonicalManifest,
  type ReadManifestsOptions,
  type Rejection,
  readManifests,
} from '../../../src/manifest/index.js';

const SHARED = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const hasShared = existsSync(SHARED);
if (!hasShared) console.log(`skipped: tests on real data need ${SHARED}`);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lakeledger-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const manifest = (sha: string, more: object = {}) =>
  JSON.stringify({ file_sha: sha, status: 'INGESTED', pull_ts_utc: '2025-12-09T12:34:56Z', ...more });

function put(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function read(inputs: string[], options: ReadManifestsOptions = {}) {
  const manifests: CanonicalManifest[] = [];
  const rejections: Rejection[] = [];
  for await (const chunk of readManifests(inputs, options)) {
    expect(chunk.length).toBeGreaterThan(0);
    expect(chunk.length).toBeLessThanOrEqual(1000);
    for (const item of chunk) {
      if ('manifest' in item) manifests.push(item.manifest);
      else rejections.push(item.rejection);
    }
  }
  return { shas: manifests.map((m) => m.file_sha), manifests, rejections };
}

describe('files', () => {
  it('keep the good manifests beside the bad ones, each with its line', async () => {
    const file = put(
      'a.ndjson',
      `${manifest('a')}\n{"file_sha":"b"\n${manifest('c', { size_bytes: -1 })}\nnull\n${manifest('d')}\n`,
    );
    const { shas, rejections } = await read([file]);
    expect(shas).toEqual(['a', 'd']);
    expect(rejections).toMatchObject([
      { file, line: 2, field: null, text: '{"file_sha":"b"' },
      { file, line: 3, field: 'size_bytes', text: manifest('c', { size_bytes: -1 }) },
      { file, line: 4, field: null, text: 'null' },
    ]);
  });

  it.each([
    ['', 'it is empty'],
    ['\ufeff \n', 'it is empty'],
    ['42', 'this is a number'],
    ['"text"', 'this is a string'],
    ['null', 'this is null'],
    ['[null]', 'this is null'],
    ['a,b\n', 'not valid JSON'],
  ])('that hold %j are rejected', async (content, reason) => {
    const { shas, rejections } = await read([put('a.json', content)]);
    expect(shas).toEqual([]);
    expect(rejections).toHaveLength(1);
    expect(rejections[0]?.reason).toContain(reason);
  });

  it('may hold an array of none', async () =>
    expect(await read([put('a.json', '[]')])).toMatchObject({ shas: [], rejections: [] }));

  it('are told by their content: gzip under any name, a cut gzip with what came before', async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => manifest(`sha-${i}-${(i * 7919) % 1013}`)).join('\n');
    const zipped = gzipSync(lines);
    expect((await read([put('a.json', zipped)])).shas).toHaveLength(3000);
    const { shas, rejections } = await read([put('cut.ndjson.gz', zipped.subarray(0, zipped.length - 200))]);
    expect(shas.length).toBeGreaterThan(1000);
    expect(rejections.at(-1)?.reason).toMatch(/cannot be read to its end: .*unexpected end of file/);
  });

  it.each([
    ['5 million', 5_000_000, '4 MiB'],
    ['50 million', 50_000_000, '4 MiB'],
    ['70 million', 70_000_000, '64 MiB'],
  ])(
    'hold a line of 3 million characters and refuse one of %s, with the start of its text',
    async (_, length, limit) => {
      const long = (sha: string, n: number) => manifest(sha, { x: 'y'.repeat(n) });
      const text = `${manifest('a')}\n${long('fits', 3_000_000)}\n${long('long', length)}\n${manifest('b')}\n`;
      const { shas, rejections } = await read([put('long.ndjson', text)]);
      expect(shas).toEqual(['a', 'fits', 'b']);
      expect(rejections).toMatchObject([{ line: 3, reason: expect.stringContaining(`longer than ${limit}`) }]);
      expect(rejections[0]?.text).toHaveLength(1024 * 1024);
    },
  );

  it('come from standard input as well', async () => {
    const stdin = Readable.from([Buffer.from(manifest('a')), Buffer.from(`\n${manifest('b')}`)]);
    expect((await read(['-'], { stdin })).shas).toEqual(['a', 'b']);
    expect((await read(['-'], { stdin: Readable.from([]) })).rejections).toMatchObject([{ file: '-', line: null }]);
  });

  it('that do not exist are a usage error before anything is read', async () => {
    const good = put('a.json', manifest('a'));
    const missing = readManifests([good, join(folder, 'none.json')]).next();
    await expect(missing).rejects.toMatchObject({ code: 'USAGE', exitCode: EXIT.usage });
    await expect(readManifests([join(folder, '*.none')]).next()).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('that cannot be read are rejected, and the others kept', async () => {
    put('good.json', manifest('a'));
    symlinkSync('loop.json', join(folder, 'loop.json'));
    const { shas, rejections } = await read([join(folder, 'loop.json'), join(folder, 'good.json')]);
    expect(shas).toEqual(['a']);
    expect(rejections).toMatchObject([
      { file: join(folder, 'loop.json'), reason: expect.stringContaining('cannot be read') },
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('or folders without permission are rejected with their place', async () => {
    put('a.json', manifest('a'));
    chmodSync(put('closed.json', manifest('b')), 0);
    mkdirSync(join(folder, 'dark'), { mode: 0 });
    const { shas, rejections } = await read([folder]);
    chmodSync(join(folder, 'dark'), 0o700);
    expect(shas).toEqual(['a']);
    expect(rejections.map((r) => r.file)).toEqual([join(folder, 'closed.json'), join(folder, 'dark')]);
  });
});

describe('folders and globs', () => {
  it('are read in the order of paths, without files that are no manifests', async () => {
    put('b.json', manifest('b'));
    put('a/z.ndjson', `${manifest('z1')}\n${manifest('z2')}`);
    put('a-1.jsonl.gz', gzipSync(manifest('a1')));
    put('data.csv', 'x,y\n');
    put('.hidden.json', 'x');
    put('_SUCCESS.json', 'x');
    put('.git/config.json', 'x');
    expect(await read([folder])).toMatchObject({ shas: ['a1', 'z1', 'z2', 'b'], rejections: [] });
  });

  it('in the lake layout give only their manifests, also by glob', async () => {
    const at = (sha: string) => `github/o/r/ingest_date=2025-12-09/file_sha=${sha}`;
    for (const sha of ['a', 'b']) {
      put(`${at(sha)}/manifest.json`, manifest(sha));
      put(`${at(sha)}/raw.json`, '[1]');
    }
    put('readme.json', '[1]');
    put(
      '_manifests/source=s/ingest_date=2025-12-09/run_id=1.json',
      JSON.stringify({ source: 's', run_id: '1', status: 'success', end: '2025-12-09T00:00:00Z' }),
    );
    const whole = await read([folder]);
    expect(whole.rejections).toEqual([]);
    expect(whole.manifests.map((m) => m.dialect)).toEqual(['run', 'file', 'file']);
    for (const glob of [
      'github/**/*.json',
      'github/**/*',
      'github/o/*/ingest_date=*/file_sha=[ab]',
      '{github,none}/**/manifest.json',
    ]) {
      expect(await read([join(folder, glob)])).toMatchObject({ shas: ['a', 'b'], rejections: [] });
    }
  });

  it('end where symbolic links go round', async () => {
    put('a/one.json', manifest('one'));
    put('b/two.json', manifest('two'));
    symlinkSync('..', join(folder, 'a/up'));
    symlinkSync(join(folder, 'b'), join(folder, 'a/b'));
    symlinkSync(join(folder, 'a'), join(folder, 'b/a'));
    expect(new Set((await read([folder])).shas)).toEqual(new Set(['one', 'two']));
  });

  it('hold names with every kind of character', async () => {
    for (const name of ['a b.json', "q'uote.json", 'é.json', 'x[1].json', 'ingest_date=2020.json'])
      put(name, manifest(name));
    expect((await read([join(folder, 'x[1].json')])).shas).toEqual(['x[1].json']);
    expect((await read([join(folder, 'x[[]1].json')])).shas).toEqual(['x[1].json']);
    expect((await read([join(folder, '?.json')])).shas).toEqual(['é.json']);
    expect((await read([folder])).shas).toHaveLength(5);
  });
});

describe('Parquet', () => {
  it('gives the same rows as JSON, and rejects by row', async () => {
    const session = await Session.open({ threads: 1 });
    const file = join(folder, 'm [1].parquet');
    const fields = { source: 'o/r', size_bytes: 12, reprocess: true, ingest_date: '2025-12-09', tags: { a: [1, 2] } };
    const json = put('m.json', manifest('a', fields));
    await session.run(
      `COPY (SELECT 'a' AS file_sha, 'ingested' AS status, TIMESTAMPTZ '2025-12-09 12:34:56Z' AS pull_ts_utc, 'o/r' AS source, 12::BIGINT AS size_bytes,
        true AS reprocess, DATE '2025-12-09' AS ingest_date, {'a': [1, 2]} AS tags, NULL::VARCHAR AS notes
        UNION ALL SELECT NULL, 'INGESTED', now(), NULL, NULL, NULL, NULL, NULL, 'x') TO '${file}' (FORMAT parquet)`,
    );
    session.close();
    const { manifests, rejections } = await read([file]);
    expect(manifests.map((m) => m.event_id)).toEqual((await read([json])).manifests.map((m) => m.event_id));
    expect(rejections).toMatchObject([{ file, line: 2, field: 'file_sha' }]);
    await expect(read([put('bad.parquet', 'PAR1 nothing')])).resolves.toMatchObject({
      rejections: [{ line: null, reason: expect.stringContaining('cannot be read as Parquet') }],
    });
  });
});

describe.skipIf(!hasShared)('real data', () => {
  it('has the numbers that its facts say', async () => {
    const core = await read([join(SHARED, 'manifests/core.ndjson')]);
    expect(core.rejections).toEqual([]);
    expect([core.shas.length, new Set(core.shas).size]).toEqual([3023, 2010]);
    const all = await read([join(SHARED, 'manifests/all.ndjson.gz')]);
    expect([all.shas.length, new Set(all.shas).size, all.rejections.length]).toEqual([15189, 11504, 0]);
    const failed = await read([join(SHARED, 'manifests/failed.ndjson')]);
    expect(failed.manifests.every((m) => m.status === 'FAILED' && m.error_message?.startsWith('blob is named'))).toBe(
      true,
    );
  });

  it('in the lake layout is what the NDJSON of it says', async () => {
    const ids = async (path: string) => (await read([join(SHARED, path)])).manifests.map((m) => m.event_id).sort();
    const layout = await ids('manifests/bronze');
    expect(layout).toHaveLength(200);
    expect(layout).toEqual(await ids('manifests/bronze.ndjson'));
  });

  it('that holds no manifests is rejected without a crash, also Parquet that breaks DuckDB', async () => {
    const { shas, rejections } = await read([join(SHARED, 'data/files')]);
    expect(shas).toEqual([]);
    expect(rejections.length).toBeGreaterThan(100);
  });
});
