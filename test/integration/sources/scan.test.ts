import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readManifests } from '../../../src/manifest/index.js';
import { type FileManifest, type ScanOptions, scanPaths, writeLakeLayout } from '../../../src/sources/index.js';

const SHARED = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const hasShared = existsSync(SHARED);
if (!hasShared) console.log(`skipped: tests on real data need ${SHARED}`);

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lakeledger-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
  return file;
}

async function scan(paths: string[], options: ScanOptions = {}): Promise<FileManifest[]> {
  const found: FileManifest[] = [];
  for await (const manifest of scanPaths(paths, options)) found.push(manifest);
  return found;
}

const { GIT_DIR, GIT_WORK_TREE, GIT_INDEX_FILE, ...environment } = process.env;
function git(args: string[], date = '2020-03-07T12:43:14Z'): string {
  const env = {
    ...environment,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_DATE: date,
  };
  const user = ['-c', 'user.name=n', '-c', 'user.email=e@example.com', '-c', 'init.defaultBranch=main'];
  return execFileSync('git', [...user, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const hasGit = spawnSync('git', ['--version']).status === 0;
if (!hasGit) console.log('skipped: tests on checkouts need git');
const checkouts = hasGit ? describe : describe.skip;

/** What `git hash-object` prints. */
function hashObject(file: string): string {
  if (hasGit) return git(['hash-object', '--no-filters', '--', file]).trim();
  const bytes = readFileSync(file);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

const byPath = (found: FileManifest[]) => new Map(found.map((m) => [m.path, m]));

describe('a folder', () => {
  it('gives manifests with the keys and the order of seed 000', async () => {
    const file = put('data/a b.csv', 'x,y\n1,2\n');
    utimesSync(file, 1583585.5, 1583585.25);
    const [manifest, ...rest] = await scan([folder], { source: 'o/r', targetBackend: 'ADLS', status: 'PENDING' });
    expect(rest).toEqual([]);
    const sha = hashObject(file);
    expect(JSON.stringify(manifest)).toBe(
      JSON.stringify({
        file_sha: sha,
        source: 'o/r',
        path: 'data/a b.csv',
        pull_ts_utc: '1970-01-19T07:53:05.250Z',
        size_bytes: 8,
        row_count_estimate: 1,
        target_backend: 'ADLS',
        dest_path: `bronze/github/o/r/ingest_date=1970-01-19/file_sha=${sha}/a b.csv`,
        ingest_date: '1970-01-19',
        status: 'PENDING',
        notes: null,
        reprocess: false,
      }),
    );
  });

  it('has the blob ids of git for files of every size and name', async () => {
    const sizes = [0, 1, 262143, 262144, 262145, 1_000_003];
    for (const size of sizes) put(`${size}.bin`, Buffer.alloc(size, 'abc'));
    for (const name of ['q\'uo"te.csv', 'new\nline.txt', 'é.json', '-dash', 'x/[1]*?.txt']) put(name, name);
    symlinkSync('1.bin', join(folder, 'link'));
    const found = await scan([folder]);
    expect(found).toHaveLength(sizes.length + 5);
    for (const { path, file_sha } of found) expect(file_sha).toBe(hashObject(join(folder, path)));
    expect(found.map((m) => m.path)).toEqual([...found.map((m) => m.path)].sort());
  });

  it('leaves out the Delta tables of a lake below it', async () => {
    put('data.csv', 'a\n1\n');
    put('lake/metadata/t/_delta_log/00000000000000000000.json', '{}');
    put('lake/metadata/t/part.parquet', 'x');
    put('lake/README.md', 'x');
    expect((await scan([folder])).map((m) => m.path)).toEqual(['data.csv', 'lake/README.md']);
    expect(await scan([join(folder, 'lake/metadata/t')])).toHaveLength(2);
  });

  it('filters, tells progress in order, and refuses what is not there', async () => {
    for (let i = 0; i < 30; i++) put(`f${i % 3}/${i}.csv`, 'a\n'.repeat(i));
    put('x.json', '[]');
    const seen: number[] = [];
    const found = await scan([folder], { glob: 'f1/*.csv', onProgress: (done) => seen.push(done), parallel: 3 });
    expect(found.map((m) => m.row_count_estimate).sort()).toEqual([0, 12, 15, 18, 21, 24, 27, 3, 6, 9].sort());
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await expect(scan([folder, join(folder, 'none')])).rejects.toMatchObject({ code: 'USAGE' });
    await expect(scan([folder], { source: '../up' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('counts UTF-16 and tells why Parquet was not counted', async () => {
    put('a.csv', Buffer.from('\ufeffä;b\n1;2\n"\n";\u0a22\n', 'utf16le'));
    put('b.parquet', 'not parquet');
    const [csv, parquet] = await scan([folder]);
    expect(csv?.row_count_estimate).toBe(2);
    expect(parquet).toMatchObject({ row_count_estimate: null, notes: expect.stringContaining('rows not counted') });
  });

  it('gives a clear error for a file that does not come to rest, or leaves it out', async () => {
    const file = put('busy.bin', Buffer.alloc(30_000_000));
    put('calm.csv', 'a\n1\n');
    const writer = setInterval(() => appendFileSync(file, 'x'), 0);
    const problems: string[] = [];
    try {
      await expect(scan([file])).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, place: file });
      const found = await scan([folder], { onProblem: (problem) => problems.push(problem.code) });
      expect(found.map((m) => m.path)).toEqual(['calm.csv']);
    } finally {
      clearInterval(writer);
    }
    expect(problems).toEqual(['SOURCE_CHANGED']);
  });
});

checkouts('a checkout', () => {
  beforeEach(() => {
    git(['init', '-q']);
    put('a b.csv', 'x\n1\n');
    put('dir/new\nline.txt', '1');
    put('dir/é.json', '[1,2]');
    put('.gitignore', 'ignored\nnode_modules\n');
    git(['add', '-A']);
    git(['commit', '-qm', 'one'], '2020-01-01T00:00:00Z');
    put('dir/é.json', '[1,2,3]');
    git(['commit', '-qam', 'two'], '2021-02-03T04:05:06Z');
    git(['remote', 'add', 'origin', 'https://user:s3cret@github.com/own/repo.git']);
  });

  it('has the ids of git, the times of the last commits and the name of its origin', async () => {
    const found = await scan([folder]);
    expect(JSON.stringify(found)).not.toContain('s3cret');
    const files = git(['ls-files', '-s', '-z']).split('\0').filter(Boolean);
    expect(found.map((m) => `100644 ${m.file_sha} 0\t${m.path}`).sort()).toEqual(files.sort());
    expect(found.every((m) => m.source === 'own/repo')).toBe(true);
    for (const m of found) {
      const time = git(['log', '-1', '--format=%ct', '--', m.path]).trim();
      expect(Date.parse(m.pull_ts_utc) / 1000).toBe(Number(time));
    }
    expect(byPath(found).get('dir/é.json')).toMatchObject({
      row_count_estimate: 3,
      pull_ts_utc: '2021-02-03T04:05:06Z',
    });
  });

  it('has the bytes of changed and new files, not deleted or ignored ones, also in a subfolder', async () => {
    writeFileSync(join(folder, 'a b.csv'), 'x\n1\n2\n');
    put('dir/new.csv', 'x\n');
    put('dir/ignored', 'x');
    rmSync(join(folder, 'dir/new\nline.txt'));
    const found = byPath(await scan([folder]));
    expect([...found.keys()]).toEqual(['.gitignore', 'a b.csv', 'dir/new.csv', 'dir/é.json']);
    expect(found.get('a b.csv')).toMatchObject({ file_sha: hashObject('a b.csv'), row_count_estimate: 2 });
    expect(found.get('a b.csv')?.pull_ts_utc).not.toContain('2020-01-01');
    expect([...byPath(await scan([join(folder, 'dir')])).keys()]).toEqual(['dir/new.csv', 'dir/é.json']);
    expect([...byPath(await scan([join(folder, 'dir/é.json')])).keys()]).toEqual(['dir/é.json']);
    put('node_modules/p/package.json', '{}');
    expect(await scan([join(folder, 'node_modules')])).toMatchObject([
      { path: 'p/package.json', source: 'node_modules' },
    ]);
  });

  it('keeps the blob that git has when line ends are converted on checkout', async () => {
    git(['config', 'core.autocrlf', 'true']);
    rmSync(join(folder, 'a b.csv'));
    git(['checkout', '--', 'a b.csv']);
    expect(readFileSync(join(folder, 'a b.csv'), 'utf8')).toBe('x\r\n1\r\n');
    const manifest = byPath(await scan([folder])).get('a b.csv');
    expect(manifest?.file_sha).toBe(git(['rev-parse', 'HEAD:a b.csv']).trim());
    expect(manifest?.file_sha).not.toBe(hashObject('a b.csv'));
  });

  it('may be shallow, have merges, submodules, links and staged files', async () => {
    git(['checkout', '-qb', 'side', 'HEAD~1']);
    put('side.csv', 'x\n');
    git(['add', '-A']);
    git(['commit', '-qm', 'side'], '2021-01-01T00:00:00Z');
    git(['checkout', '-q', 'main']);
    git(['merge', '-q', '--no-edit', 'side'], '2022-01-01T00:00:00Z');
    symlinkSync('a b.csv', join(folder, 'link'));
    put('staged.csv', 'x\n1\n');
    git(['add', '-A']);
    const found = byPath(await scan([folder]));
    expect(found.get('side.csv')?.pull_ts_utc).toBe('2021-01-01T00:00:00Z');
    expect(found.has('link')).toBe(false);
    expect(found.get('staged.csv')).toMatchObject({
      file_sha: hashObject('staged.csv'),
      pull_ts_utc: '2022-01-01T00:00:00Z',
    });
    git(['commit', '-qm', 'rest'], '2023-01-01T00:00:00Z');
    git(['clone', '-q', '--depth', '1', `file://${folder}`, 'copy']);
    const copy = await scan([join(folder, 'copy')]);
    expect(copy.map((m) => m.file_sha)).toEqual(
      (await scan([folder], { glob: '**' })).filter((m) => !m.path.startsWith('copy')).map((m) => m.file_sha),
    );
    expect(new Set(copy.map((m) => m.pull_ts_utc))).toEqual(new Set(['2023-01-01T00:00:00Z']));
  });

  it('is not mistaken for another one by the variables of a git hook', async () => {
    const expected = await scan([folder]);
    process.env['GIT_DIR'] = join(folder, 'elsewhere');
    try {
      expect(await scan([folder])).toEqual(expected);
    } finally {
      delete process.env['GIT_DIR'];
    }
  });
});

describe('the lake layout', () => {
  it('is written once, keeps what shares a place, and is read back', async () => {
    put('in/a.csv', 'x\n1\n');
    put('in/copy.csv', 'x\n1\n');
    utimesSync(join(folder, 'in/a.csv'), 1e9, 1e9);
    utimesSync(join(folder, 'in/copy.csv'), 1e9, 1e9);
    const manifests = await scan([join(folder, 'in')], { source: 'o/r' });
    const out = join(folder, 'out');
    const write = async () => {
      const written: boolean[] = [];
      for (const manifest of manifests) written.push(await writeLakeLayout(out, manifest));
      return written;
    };
    expect(await write()).toEqual([true, true]);
    expect(await write()).toEqual([false, false]);
    const place = join(out, `github/o/r/ingest_date=2001-09-09/file_sha=${manifests[0]?.file_sha}`);
    expect(readdirSync(place)).toEqual(['manifest.json']);
    const paths: (string | null)[] = [];
    for await (const chunk of readManifests([out])) {
      for (const item of chunk) paths.push('manifest' in item ? item.manifest.file_path : item.rejection.reason);
    }
    expect(paths).toEqual(['a.csv', 'copy.csv']);
    await expect(writeLakeLayout(join(folder, 'in/a.csv'), manifests[0] as FileManifest)).rejects.toMatchObject({
      code: 'STORAGE',
    });
  });
});

describe.skipIf(!hasShared)('real data', () => {
  const expectedOf = (name: string) =>
    readFileSync(join(SHARED, 'manifests', name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as FileManifest);
  const facts = (m: FileManifest) => [m.file_sha, m.size_bytes, m.row_count_estimate];

  it.each([
    ['data/daily', 'daily.ndjson'],
    ['data/revisions', 'revisions.ndjson'],
  ])('%s has the ids, sizes and rows of %s', async (path, name) => {
    const found = await scan([join(SHARED, path)], { glob: '*.csv' });
    expect(found.map(facts).sort()).toEqual(expectedOf(name).map(facts).sort());
  });

  it('files of every kind have the ids and rows of files.ndjson, and a poisoned one harms no other', async () => {
    const found = await scan([join(SHARED, 'data/files')]);
    const rows = new Map(found.map((m) => [m.file_sha, m]));
    // Their footers are sound, so that DuckDB counts their rows although it cannot read them.
    const countedAnyway = ['shredded_variant/case-041.parquet', 'data/hadoop_lz4_compressed.parquet'];
    for (const expected of expectedOf('files.ndjson').filter((m) => !countedAnyway.includes(m.path))) {
      expect([expected.path, rows.get(expected.file_sha)?.row_count_estimate]).toEqual([
        expected.path,
        expected.row_count_estimate,
      ]);
    }
  });
});
