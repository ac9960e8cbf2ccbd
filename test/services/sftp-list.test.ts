import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { type ListRequest, listArrivals, openSftp, type SftpSession } from '../../src/sources/index.js';
import { describeSftp, loginUserMissing, SftpServer } from '../support/sftp-server.js';

const HOUR = 3_600_000;
/** Whole seconds: times of change that SFTP tells as they are. */
const START = Math.floor(Date.now() / 1000);
const started = new Set<string>();
let server: SftpServer;
let session: SftpSession;
beforeAll(async () => {
  server = await SftpServer.start();
  session = await openSftp(server.connection(), { clock: systemClock });
});
afterAll(async () => {
  await session?.close();
  await server?.stop();
});
afterEach(() => {
  for (const folder of started) rmSync(folder, { recursive: true, force: true });
  started.clear();
});

/** A new folder of the server with these files, each an hour old. */
function folderWith(...paths: readonly string[]): string {
  const root = join(server.root, `test-${Math.random()}`);
  mkdirSync(root);
  started.add(root);
  for (const path of paths) put(root, path);
  return root;
}

function put(root: string, path: string, age = HOUR): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, path);
  const time = age === 0 ? Date.now() / 1000 : START - age / 1000;
  utimesSync(file, time, time);
  return file;
}

function list(root: string, patterns: readonly string[], rest: Partial<ListRequest> = {}) {
  return session.list({ patterns, root, now: Date.now(), ...rest });
}

async function paths(root: string, patterns: readonly string[], rest: Partial<ListRequest> = {}): Promise<string[]> {
  return (await list(root, patterns, rest)).map((file) => file.path);
}

async function waiting(root: string, rest: Partial<ListRequest>): Promise<Record<string, string | null>> {
  return Object.fromEntries((await list(root, ['.'], rest)).map((file) => [file.path, file.waiting]));
}

describeSftp('files of a server', () => {
  it('are named by files, folders and globs, as local ones are', async () => {
    const root = folderWith('a.csv', 'd/b.csv', 'd/e/c.csv', 'd/e/c.txt', 'x[1].csv', 'é/ü.csv', 'it\'s "q".csv');
    const requests: Partial<ListRequest>[] = [
      { patterns: ['a.csv'] },
      { patterns: ['.'] },
      { patterns: ['d'] },
      { patterns: ['*.csv'] },
      { patterns: ['**/*.csv'] },
      { patterns: ['d/**'] },
      { patterns: ['d/*/'] },
      { patterns: ['?/[a-e]/*.{csv,txt}'] },
      { patterns: ['{d/e,x}/*.csv', './a.csv', 'd/../a.csv'] },
      { patterns: ['x[1].csv'] },
      { patterns: ['é/*'] },
      { patterns: ['nothing/*.csv', '*.json'] },
      { patterns: ['.'], exclude: ['e', '*.txt'] },
      { patterns: ['**/*.csv'], exclude: ['d/**'] },
      { patterns: ['**/*.csv'], exclude: ['d/*.csv'], order: 'modified' },
    ];
    for (const request of requests) {
      const whole = { root, patterns: [], now: Date.now(), ...request };
      const remote = await session.list(whole);
      const local = await listArrivals(whole);
      const expected = local.map((file) => ({
        ...file,
        origin: `sftp://127.0.0.1:${server.port}${file.location}`,
      }));
      expect(remote).toEqual(expected);
    }
    expect(await paths(root, ['**/*.csv'])).toEqual([
      'a.csv',
      'd/b.csv',
      'd/e/c.csv',
      'it\'s "q".csv',
      'x[1].csv',
      'é/ü.csv',
    ]);
  });

  it('are below the folder of the login when the root is not absolute', async () => {
    const root = folderWith('a.csv');
    const below = root.slice(server.root.length + 1);
    for (const [from, pattern] of [
      ['.', `${below}/*.csv`],
      [below, '*.csv'],
      [`./${below}/`, 'a.csv'],
    ] as const) {
      const [file] = await list(from, [pattern]);
      expect(file?.location).toBe(join(root, 'a.csv'));
      expect(file?.path).toBe(from === '.' ? `${below}/a.csv` : 'a.csv');
    }
  });

  it('have business dates', async () => {
    const root = folderWith('2026/01/sales-20260102.csv', 'sales-20260230.csv', 'x.csv');
    const files = await list(root, ['.'], { businessDate: 'sales-{yyyyMMdd}.csv' });
    expect(files.map(({ path, businessDate }) => [path, businessDate])).toEqual([
      ['2026/01/sales-20260102.csv', '2026-01-02'],
      ['sales-20260230.csv', null],
      ['x.csv', null],
    ]);
  });

  it('that a pattern without wildcard names must be there, and so must the root', async () => {
    const root = folderWith('a.csv');
    const place = `sftp://127.0.0.1:${server.port}${root}`;
    await expect(list(root, ['b.csv'])).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: `no such file or folder: ${place}/b.csv`,
      place: `${place}/b.csv`,
    });
    await expect(list(`${root}/x`, ['*'])).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: `no such folder: ${place}/x`,
    });
    await expect(list(`${root}/a.csv`, ['*'])).rejects.toMatchObject({ message: `${place}/a.csv is no folder` });
  });

  it('may be behind symbolic links; loops end, and links to nothing are nothing', async () => {
    const root = folderWith('real/a.csv', 'real/deep/b.csv');
    symlinkSync('real', join(root, 'link'));
    symlinkSync('..', join(root, 'real/up'));
    symlinkSync('self', join(root, 'self'));
    symlinkSync('nowhere', join(root, 'dangling.csv'));
    symlinkSync('real/a.csv', join(root, 'one.csv'));
    expect(await paths(root, ['.'])).toEqual(
      (await listArrivals({ patterns: ['.'], root, now: Date.now() })).map((file) => file.path),
    );
    expect(await paths(root, ['**/*.csv'])).toEqual([
      'link/a.csv',
      'link/deep/b.csv',
      'one.csv',
      'real/a.csv',
      'real/deep/b.csv',
    ]);
    const [one] = await list(root, ['one.csv']);
    expect(one).toMatchObject({ size: 'real/a.csv'.length, waiting: null });
  });

  it('whose names are not UTF-8 wait for another name', async () => {
    const root = folderWith('good.csv');
    writeFileSync(Buffer.concat([Buffer.from(`${root}/b`), Buffer.from([0xff]), Buffer.from('d.csv')]), 'x');
    expect(await waiting(root, {})).toEqual({
      'good.csv': null,
      'b\ufffdd.csv': 'its name is not UTF-8: give it another name',
    });
  });

  it('are no Delta tables', async () => {
    const root = folderWith('in/a.csv', 'table/_delta_log/0.json', 'table/part.parquet');
    expect(await paths(root, ['.'])).toEqual(['in/a.csv']);
  });

  it.skipIf(loginUserMissing() !== undefined)(
    'in a folder that is forbidden are an error, unless it is left out',
    async () => {
      const root = folderWith('open/a.csv', 'closed/b.csv');
      chmodSync(join(root, 'closed'), 0o700);
      const place = `sftp://127.0.0.1:${server.port}${root}/closed`;
      await expect(list(root, ['.'])).rejects.toMatchObject({
        code: 'SOURCE_UNREADABLE',
        exitCode: 1,
        place,
        message: `cannot list ${place}: permission denied`,
        hint: expect.stringMatching(/ask the owner/),
      });
      expect(await paths(root, ['.'], { exclude: ['closed'] })).toEqual(['open/a.csv']);
      symlinkSync('closed/b.csv', join(root, 'link.csv'));
      expect(await waiting(root, { exclude: ['closed'] })).toEqual({
        'open/a.csv': null,
        'link.csv': 'the server does not say what this link leads to',
      });
    },
  );

  it('are listed quickly, also 5,000 in one folder and 10,000 in two', async () => {
    const root = folderWith();
    for (const folder of ['one', 'two']) {
      mkdirSync(join(root, folder));
      for (let i = 0; i < 5000; i++) writeFileSync(join(root, folder, `file-${String(i).padStart(5, '0')}.csv`), '');
    }
    for (const [pattern, count] of [
      ['one/*.csv', 5000],
      ['*/*.csv', 10_000],
    ] as const) {
      const before = performance.now();
      const files = await list(root, [pattern]);
      const ms = performance.now() - before;
      console.log(`${count} files listed in ${Math.round(ms)} ms`);
      expect(files).toHaveLength(count);
      expect(new Set(files.map((file) => file.path)).size).toBe(count);
      expect(ms).toBeLessThan(10_000);
    }
  });
});

describeSftp('a file of a server has arrived', () => {
  it('when its name is no temporary one', async () => {
    const names = ['a.csv', 'a.csv.part', 'b.tmp', 'c.filepart', '.hidden.csv', 'd.csv~'];
    const root = folderWith(...names);
    expect(await paths(root, ['.'])).toEqual(['a.csv']);
    expect(await paths(root, ['.'], { arrival: { temporarySuffixes: ['.csv'] } })).toEqual([
      'a.csv.part',
      'b.tmp',
      'c.filepart',
      'd.csv~',
    ]);
  });

  it('when it is old enough, by the times of the server and the given time', async () => {
    const root = folderWith();
    const now = Math.floor(Date.now() / 1000) * 1000;
    const ages = {
      'old.csv': 60_000,
      'just.csv': 31_000,
      'almost.csv': 30_000,
      'young.csv': 5000,
      'future.csv': -5000,
    };
    for (const [name, age] of Object.entries(ages)) {
      writeFileSync(join(root, name), '');
      utimesSync(join(root, name), (now - age) / 1000, (now - age) / 1000);
    }
    const files = await list(root, ['.'], { now, arrival: { minAgeMs: 30_000 } });
    expect(Object.fromEntries(files.map((file) => [file.path, file.waiting]))).toEqual({
      'old.csv': null,
      'just.csv': null,
      // It can have changed up to a second after the time that the server tells.
      'almost.csv': 'changed 29 s ago, less than 30 s',
      'young.csv': 'changed 4 s ago, less than 30 s',
      'future.csv': "its last change is 5 s in the future, by this machine's clock",
    });
  });

  it('when it stays as it is for long enough', async () => {
    const root = folderWith('old.csv');
    for (const name of ['still.csv', 'grows.csv', 'shrinks.csv', 'goes.csv', 'touched.csv']) put(root, name, 0);
    setTimeout(() => {
      appendFileSync(join(root, 'grows.csv'), '+');
      truncateSync(join(root, 'shrinks.csv'), 3);
      unlinkSync(join(root, 'goes.csv'));
      utimesSync(join(root, 'touched.csv'), new Date(), new Date(Date.now() + 5000));
    }, 700);
    const before = Date.now();
    const found = await waiting(root, { arrival: { stableForMs: 1500 } });
    expect(Date.now() - before).toBeGreaterThanOrEqual(1450);
    expect(found).toEqual({
      'old.csv': null,
      'still.csv': null,
      'grows.csv': 'still growing: 9 bytes, then 10',
      'shrinks.csv': 'still growing: 11 bytes, then 3',
      'touched.csv': 'still being written: its time of change moved',
    });
  });

  it('when its done file is there, beside it or elsewhere, behind a link too', async () => {
    const root = folderWith('a.csv', 'a.csv.done', 'b.csv', 'c.csv', 'e/f.csv', 'e/f.csv.done');
    symlinkSync('a.csv.done', join(root, 'c.csv.done'));
    mkdirSync(join(root, 'b.csv.done'));
    expect(await waiting(root, { arrival: { doneFile: '{path}.done' } })).toEqual({
      'a.csv': null,
      'b.csv': 'there is no b.csv.done yet',
      'c.csv': null,
      'e/f.csv': null,
    });
    put(root, 'ready/b.ok');
    expect(
      await waiting(root, {
        patterns: ['*.csv'],
        exclude: ['ready', 'e', '*.done'],
        arrival: { doneFile: 'ready/{stem}.ok' },
      }),
    ).toEqual({
      'a.csv': 'there is no a.ok yet',
      'b.csv': null,
      'c.csv': 'there is no c.ok yet',
    });
    expect(existsSync(join(root, 'b.csv.done'))).toBe(true);
  });
});
