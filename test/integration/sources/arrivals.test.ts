import fs, { appendFileSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ListRequest, listArrivals } from '../../../src/sources/index.js';
import { tempFolder } from '../../support/temp-folder.js';

const NOW = Date.UTC(2026, 0, 2);

/** Writes files below a new folder, each an hour old. */
function folderWith(...paths: readonly string[]): string {
  const root = tempFolder();
  for (const path of paths) put(root, path);
  return root;
}

function put(root: string, path: string, age = 3_600_000): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, path);
  const time = (NOW - age) / 1000;
  utimesSync(file, time, time);
  return file;
}

function list(root: string, patterns: readonly string[], rest: Partial<ListRequest> = {}) {
  return listArrivals({ patterns, root, now: NOW, ...rest });
}

async function paths(root: string, patterns: readonly string[], rest: Partial<ListRequest> = {}): Promise<string[]> {
  return (await list(root, patterns, rest)).map((file) => file.path);
}

describe('the files that patterns name', () => {
  it('are a file, a folder with all below, what matches a glob', async () => {
    const root = folderWith('a.csv', 'd/b.csv', 'd/e/c.csv', 'd/e/c.txt');
    expect(await paths(root, ['a.csv'])).toEqual(['a.csv']);
    expect(await paths(root, ['d'])).toEqual(['d/b.csv', 'd/e/c.csv', 'd/e/c.txt']);
    expect(await paths(root, ['*.csv'])).toEqual(['a.csv']);
    expect(await paths(root, ['d/*.csv'])).toEqual(['d/b.csv']);
    expect(await paths(root, ['**/*.csv'])).toEqual(['a.csv', 'd/b.csv', 'd/e/c.csv']);
    expect(await paths(root, ['d/**'])).toEqual(['d/b.csv', 'd/e/c.csv', 'd/e/c.txt']);
    expect(await paths(root, ['d/*/'])).toEqual(['d/e/c.csv', 'd/e/c.txt']);
    expect(await paths(root, ['?/[a-e]/*.{csv,txt}'])).toEqual(['d/e/c.csv', 'd/e/c.txt']);
    expect(await paths(root, ['{d/e,x}/*.csv'])).toEqual(['d/e/c.csv']);
    expect(await paths(root, ['nothing/*.csv', '*.json'])).toEqual([]);
  });

  it('have what the file system says and are where it says', async () => {
    const root = folderWith('d/b.csv');
    const [file] = await list(root, ['d']);
    expect(file).toEqual({
      path: 'd/b.csv',
      location: join(root, 'd/b.csv'),
      size: 7,
      modified: NOW - 3_600_000,
      businessDate: null,
      waiting: null,
    });
  });

  it('are identified in one way however they are written, and come once', async () => {
    const root = folderWith('d/a.csv');
    const ways = [
      'd/a.csv',
      './d/a.csv',
      'd//a.csv',
      'd/../d/a.csv',
      join(root, 'd/a.csv'),
      './d/*.csv',
      'd/',
      '**/a.csv',
    ];
    for (const way of ways) expect(await paths(root, [way])).toEqual(['d/a.csv']);
    expect(await paths(root, ways)).toEqual(['d/a.csv']);
    expect(await paths(root, ways, { absolute: true })).toEqual([join(root, 'd/a.csv')]);
    const inner = join(root, 'x');
    expect(await paths(inner, ['../d/a.csv'])).toEqual([join(root, 'd/a.csv')]);
    expect(await paths(relative(process.cwd(), root), ['d'])).toEqual(['d/a.csv']);
  });

  it('come by code point of their paths or by time, then path', async () => {
    const root = folderWith('B', 'a b', 'é', '\u{ff5e}', '\u{1f986}', 'it\'s "q".csv', 'n\nl');
    expect(await paths(root, ['.'])).toEqual(['B', 'a b', 'it\'s "q".csv', 'n\nl', 'é', '\u{ff5e}', '\u{1f986}']);
    const timed = folderWith();
    put(timed, 'a', 10_000);
    put(timed, 'b', 30_000);
    put(timed, 'c', 10_000);
    expect(await paths(timed, ['.'], { order: 'modified' })).toEqual(['b', 'a', 'c']);
  });

  it('a name with the characters of a glob is that file when it is there', async () => {
    const root = folderWith('a[1].csv', 'a1.csv');
    expect(await paths(root, ['a[1].csv'])).toEqual(['a[1].csv']);
    rmSync(join(root, 'a[1].csv'));
    expect(await paths(root, ['a[1].csv'])).toEqual(['a1.csv']);
  });

  it('a pattern without wildcard that names nothing is a usage error', async () => {
    const root = folderWith('a.csv');
    for (const pattern of ['b.csv', 'a.csv/b', 'no/such']) {
      await expect(list(root, [pattern])).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    }
  });

  it('are looked for only in the folders that can hold a match', async () => {
    const root = folderWith('in/2020/a.csv', 'in/2021/a.csv', 'in/2021/b/c/a.csv', 'other/a.csv');
    const listed: string[] = [];
    const { readdirSync } = fs;
    const spied = (folder: string, options: { withFileTypes: true }) => {
      listed.push(relative(root, folder));
      return readdirSync(folder, options);
    };
    Object.assign(fs, { readdirSync: spied });
    syncBuiltinESMExports();
    onTestFinished(() => {
      Object.assign(fs, { readdirSync });
      syncBuiltinESMExports();
    });
    const foldersFor = async (pattern: string) => {
      listed.length = 0;
      await list(root, [pattern]);
      return listed;
    };
    expect(await foldersFor('in/2020/*.csv')).toEqual(['in/2020']);
    expect(await foldersFor('in/*0/*.csv')).toEqual(['in', 'in/2020']);
    expect(await foldersFor('o*/a.csv')).toEqual(['', 'other']);
    expect(await foldersFor('in/*1/**/a.csv')).toEqual(['in', 'in/2021', 'in/2021/b', 'in/2021/b/c']);
    expect(await foldersFor('in/2020/a.csv')).toEqual([]);
  });

  it('leave out dotfiles, temporary files, excluded ones and what lies in a table or a lake', async () => {
    const root = folderWith(
      'a.csv',
      '.b.csv',
      '.git/c.csv',
      'd.csv.tmp',
      'e.part',
      'f.partial',
      'g.crdownload',
      'h.filepart',
      'i~',
    );
    for (const path of ['old/x.csv', 'keep/old/x.csv', 't/_delta_log/0.json', 't/p.parquet']) put(root, path);
    for (const path of ['lake/metadata/ingestion_event/_delta_log/0.json', 'lake/raw/s/a.csv', 'z.skip'])
      put(root, path);
    expect(await paths(root, ['.'])).toEqual(['a.csv', 'keep/old/x.csv', 'old/x.csv', 'z.skip']);
    expect(await paths(root, ['.'], { exclude: ['old'] })).toEqual(['a.csv', 'z.skip']);
    expect(await paths(root, ['**/*'], { exclude: ['old/', '*.skip'] })).toEqual(['a.csv']);
    expect(await paths(root, ['.'], { exclude: ['/old/*', 'a.csv'] })).toEqual(['keep/old/x.csv', 'z.skip']);
    const arrival = { temporarySuffixes: ['.skip'] };
    expect(await paths(root, ['*'], { arrival })).toEqual([
      'a.csv',
      'd.csv.tmp',
      'e.part',
      'f.partial',
      'g.crdownload',
      'h.filepart',
      'i~',
    ]);
    expect(await paths(root, ['d.csv.tmp'])).toEqual(['d.csv.tmp']);
    expect(await paths(root, ['t/*.parquet', 'lake/raw/s'])).toEqual(['lake/raw/s/a.csv', 't/p.parquet']);
  });

  it('symbolic links are followed, loops and broken ones are not', async () => {
    const root = folderWith('d/a.csv', 'far/b.csv');
    symlinkSync('a.csv', join(root, 'd/link.csv'));
    symlinkSync('nowhere', join(root, 'd/broken.csv'));
    symlinkSync('self.csv', join(root, 'd/self.csv'));
    symlinkSync('..', join(root, 'd/up'));
    symlinkSync('../far', join(root, 'd/far'));
    symlinkSync('../d', join(root, 'far/back'));
    expect(await paths(root, ['d'])).toEqual(['d/a.csv', 'd/far/b.csv', 'd/link.csv']);
    expect(await paths(root, ['d/**/*.csv'])).toEqual(['d/a.csv', 'd/far/b.csv', 'd/link.csv']);
  });

  it('a name that is not UTF-8 is shown and never ready', async () => {
    const root = folderWith('a.csv');
    writeFileSync(Buffer.concat([Buffer.from(`${root}/b`), Buffer.from([0xff]), Buffer.from('.csv')]), 'x');
    const files = await list(root, ['*.csv']);
    expect(files.map((file) => [file.path, file.waiting])).toEqual([
      ['a.csv', null],
      ['b\ufffd.csv', 'its name is not UTF-8: give it another name'],
    ]);
  });

  it('a folder whose name is not UTF-8 is an error: what is in it must not be missed', async () => {
    const root = folderWith('a.csv');
    mkdirSync(Buffer.concat([Buffer.from(`${root}/b`), Buffer.from([0xff])]));
    await expect(list(root, ['.'])).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE', exitCode: 1 });
    expect(await paths(root, ['*.csv'])).toEqual(['a.csv']);
  });

  it('leave time to others while they are listed', async () => {
    const root = folderWith(...Array.from({ length: 200 }, (_, i) => `${i}.csv`));
    let turns = 0;
    const timer = setInterval(() => {
      turns++;
    }, 10);
    const end = performance.now() + 500;
    while (performance.now() < end) await list(root, ['*.csv']);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('carry the date that their path says', async () => {
    const root = folderWith('r-20200224.csv', 'r-20200231.csv', 'r-latest.csv');
    const files = await list(root, ['*.csv'], { businessDate: 'r-{yyyyMMdd}' });
    expect(files.map((file) => file.businessDate)).toEqual(['2020-02-24', null, null]);
  });
});

describe('a file has arrived', () => {
  const waiting = async (root: string, arrival: ListRequest['arrival'], now = NOW) =>
    Object.fromEntries(
      (await list(root, ['*.csv'], { now, ...(arrival === undefined ? {} : { arrival }) })).map((f) => [
        f.path,
        f.waiting,
      ]),
    );

  it('when its last change is long enough ago', async () => {
    const root = folderWith();
    put(root, 'old.csv', 30_000);
    put(root, 'new.csv', 29_999);
    put(root, 'future.csv', -5000);
    expect(await waiting(root, { minAgeMs: 30_000 })).toEqual({
      'old.csv': null,
      'new.csv': 'changed 30 s ago, less than 30 s',
      'future.csv': "its last change is 5 s in the future, by this machine's clock",
    });
  });

  it('when it stayed as it is for long enough: one wait for all that changed a short time ago, none for others', async () => {
    const root = folderWith('old.csv');
    const start = performance.now();
    expect(await waiting(root, { stableForMs: 60_000 })).toEqual({ 'old.csv': null });
    expect(performance.now() - start).toBeLessThan(10_000);
    const now = Date.now();
    for (const name of ['calm.csv', 'grows.csv', 'goes.csv', 'touched.csv']) writeFileSync(join(root, name), 'x');
    setTimeout(() => appendFileSync(join(root, 'grows.csv'), 'yz'), 100);
    setTimeout(() => rmSync(join(root, 'goes.csv')), 100);
    setTimeout(() => utimesSync(join(root, 'touched.csv'), 1, 1), 100);
    expect(await waiting(root, { stableForMs: 400 }, now)).toEqual({
      'old.csv': null,
      'calm.csv': null,
      'grows.csv': 'still growing: 1 bytes, then 3',
      'touched.csv': 'still being written: its time of change moved',
    });
  });

  it.each([
    ['{path}.done', 'a.csv.done'],
    ['{name}.ok', 'a.csv.ok'],
    ['{stem}.ready.csv', 'a.ready.csv'],
    ['_SUCCESS.csv', '_SUCCESS.csv'],
  ])('when its done file %s is there, which is not listed itself', async (doneFile, done) => {
    const root = folderWith('a.csv');
    expect(await waiting(root, { doneFile })).toEqual({ 'a.csv': `there is no ${done} yet` });
    put(root, done);
    put(root, done.replace(/^a/, 'orphan'));
    expect(await waiting(root, { doneFile })).toEqual({ 'a.csv': null });
    expect(await paths(root, ['.'], { arrival: { doneFile } })).toEqual(['a.csv']);
  });

  it('a done file that is the file itself is a usage error', async () => {
    const root = folderWith('a.csv');
    await expect(waiting(root, { doneFile: '{path}' })).rejects.toMatchObject({ code: 'USAGE' });
  });
});
