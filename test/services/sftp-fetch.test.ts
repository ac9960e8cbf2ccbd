import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import {
  assertUnchanged,
  type ListedFile,
  openSftp,
  readFingerprint,
  type SftpConnection,
  type SftpSession,
} from '../../src/sources/index.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import { describeSftp, loginUserMissing, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

const MB = 1_000_000;
let server: SftpServer;
let proxy: BrokenProxy;
const sessions: SftpSession[] = [];
beforeAll(async () => {
  server = await SftpServer.start();
  proxy = await BrokenProxy.start(server.port);
});
afterEach(async () => {
  proxy.delay(0);
  for (const session of sessions.splice(0)) await session.close();
  for (const name of readdirSync(server.root)) rmSync(join(server.root, name), { recursive: true });
});
afterAll(async () => {
  await proxy?.close();
  await server?.stop();
});

async function connected(rest: Partial<SftpConnection> = {}): Promise<SftpSession> {
  const session = await openSftp(server.connection(rest), { clock: systemClock });
  sessions.push(session);
  return session;
}

/** A file of the server, an hour old. */
function put(name: string, content: string | Buffer): Buffer {
  const file = join(server.root, name);
  writeFileSync(file, content);
  const time = Math.floor(Date.now() / 1000) - 3600;
  utimesSync(file, time, time);
  return readFileSync(file);
}

async function listed(session: SftpSession, name: string): Promise<ListedFile> {
  const [file] = await session.list({ root: '.', patterns: [name], now: Date.now() });
  return file!;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describeSftp('a file that is fetched', () => {
  it('has the bytes and hashes of the original, of any size, and is told as it comes', async () => {
    const session = await connected();
    const into = tempFolder();
    const sizes = [0, 1, 30_719, 30_720, 30_721, 65_536, 2 * MB, 2 * MB + 1, 5 * MB];
    for (const size of sizes) {
      const bytes = put('file.bin', randomBytes(size));
      const file = await listed(session, 'file.bin');
      const path = join(into, String(size));
      let told = 0;
      const fingerprint = await session.fetch(file, path, (count) => {
        told += count;
      });
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(told).toBe(size);
      const { gitSha } = await readFingerprint(join(server.root, 'file.bin'));
      expect(fingerprint).toMatchObject({ sha256: sha256(bytes), gitSha, size, modified: file.modified });
      expect(file.modified).toBeLessThan(Date.now() - 3_000_000);
    }
  });

  it('has a local copy that can be watched', async () => {
    put('a.csv', 'a;b\n1;2\n');
    const session = await connected();
    const into = join(tempFolder(), 'copy.csv');
    const fingerprint = await session.fetch(await listed(session, 'a.csv'), into);
    await assertUnchanged(into, fingerprint);
    expect(fingerprint.changeKey).toBe((await readFingerprint(into)).changeKey);
    appendFileSync(into, '3;4\n');
    await expect(assertUnchanged(into, fingerprint)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });

  it('may be one of many at the same time, behind a link, and have any name', async () => {
    const names = ['a b.csv', 'é.csv', '日本\u{1f986}.csv', 'it\'s "q" [1].csv', 'back\\slash', 'n\nl'];
    for (const name of names) put(name, name);
    symlinkSync('é.csv', join(server.root, 'link.csv'));
    const session = await connected();
    const files = await session.list({ root: server.root, patterns: ['.'], now: Date.now() });
    expect(files.map((file) => file.path).sort()).toEqual([...names, 'link.csv'].sort());
    const into = tempFolder();
    await Promise.all(
      files.map(async (file, i) => {
        const path = join(into, String(i));
        const { sha256: found } = await session.fetch(file, path);
        const content = file.path === 'link.csv' ? 'é.csv' : file.path;
        expect(readFileSync(path, 'utf8')).toBe(content);
        expect(found).toBe(sha256(Buffer.from(content)));
      }),
    );
  });

  it('does not take the place of a local one', async () => {
    put('a.csv', 'new');
    const session = await connected();
    const into = join(tempFolder(), 'a.csv');
    writeFileSync(into, 'old');
    const file = await listed(session, 'a.csv');
    await expect(session.fetch(file, into)).rejects.toMatchObject({ code: 'STORAGE', place: into, exitCode: 3 });
    expect(readFileSync(into, 'utf8')).toBe('old');
    const nowhere = join(tempFolder(), 'no', 'folder', 'a.csv');
    await expect(session.fetch(file, nowhere)).rejects.toMatchObject({ code: 'STORAGE', place: nowhere });
  });

  it('that changed in this very second is read when the second is over', async () => {
    const session = await connected();
    writeFileSync(join(server.root, 'a.csv'), 'one');
    const file = await listed(session, 'a.csv');
    const fingerprint = await session.fetch(file, join(tempFolder(), 'a'));
    expect(Date.now()).toBeGreaterThanOrEqual(file.modified + 1000);
    expect(fingerprint.sha256).toBe(sha256(Buffer.from('one')));
  });

  it('comes whole when the server changes the keys of the connection on the way', async () => {
    const rekeying = await SftpServer.start({ config: ['RekeyLimit 1M'] });
    onTestFinished(() => rekeying.stop());
    const bytes = randomBytes(12 * MB);
    writeFileSync(join(rekeying.root, 'a.bin'), bytes);
    utimesSync(join(rekeying.root, 'a.bin'), 1_700_000_000, 1_700_000_000);
    const session = await openSftp(rekeying.connection(), { clock: systemClock });
    sessions.push(session);
    const { sha256: found } = await session.fetch(await listed(session, 'a.bin'), join(tempFolder(), 'a'));
    expect(found).toBe(sha256(bytes));
  });

  it('of 200 MB comes fast and takes little memory', async () => {
    const block = randomBytes(1_000_000);
    const remote = join(server.root, 'big.bin');
    const hash = createHash('sha256');
    for (let i = 0; i < 200; i++) {
      appendFileSync(remote, block);
      hash.update(block);
    }
    utimesSync(remote, 1_700_000_000, 1_700_000_000);
    const session = await connected();
    const file = await listed(session, 'big.bin');
    const before = process.memoryUsage().rss;
    let peak = before;
    const started = performance.now();
    const { sha256: found, size } = await session.fetch(file, join(tempFolder(), 'big.bin'), () => {
      peak = Math.max(peak, process.memoryUsage.rss());
    });
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `200 MB in ${seconds.toFixed(2)} s: ${(200 / seconds).toFixed(0)} MB/s, ${Math.round((peak - before) / MB)} MB more memory`,
    );
    expect({ size, found }).toEqual({ size: 200 * MB, found: hash.digest('hex') });
    expect(peak - before).toBeLessThan(100 * MB);
  });

  it('comes fast over a long way too: many requests are open at the same time', async () => {
    put('a.bin', randomBytes(8 * MB));
    const session = await connected({ port: proxy.port });
    const file = await listed(session, 'a.bin');
    proxy.delay(50);
    const started = performance.now();
    await session.fetch(file, join(tempFolder(), 'a'));
    // One request after the other would take 8 MB / 30 KiB × 50 ms = 13 s.
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

/** Fetches, and changes the file when a part of it has come. */
async function fetchWhile(name: string, change: () => void | Promise<void>): Promise<unknown> {
  const session = await connected({ port: proxy.port });
  const file = await listed(session, name);
  proxy.delay(20);
  const into = join(tempFolder(), 'copy');
  let changed: Promise<void> | undefined;
  const error: unknown = await session
    .fetch(file, into, () => {
      changed ??= Promise.resolve(change());
    })
    .catch((thrown: unknown) => thrown);
  await changed;
  expect(changed).toBeDefined();
  expect(existsSync(into)).toBe(false);
  return error;
}

describeSftp('a file that does not stay as it was listed', () => {
  const inRoot = (name: string) => join(server.root, name);
  const content = randomBytes(6 * MB);

  it.each([
    [
      'grows',
      () => appendFileSync(inRoot('a.csv'), 'more'),
      /changed after it was listed: it had 6000000 bytes, now 6000004$/,
    ],
    [
      'is cut',
      () => truncateSync(inRoot('a.csv'), 5 * MB),
      /became shorter while it was read|it had 6000000 bytes, now 5000000$/,
    ],
    [
      'is written anew',
      () => void put('a.csv', randomBytes(7 * MB)),
      /changed after it was listed: it had 6000000 bytes, now 7000000$/,
    ],
    [
      'is written in its place',
      async () => {
        const handle = await open(inRoot('a.csv'), 'r+');
        await handle.write('x', 10);
        await handle.close();
      },
      /changed after it was listed$/,
    ],
    [
      'is replaced by another one',
      () => {
        writeFileSync(inRoot('b'), content);
        renameSync(inRoot('b'), inRoot('a.csv'));
      },
      /changed after it was listed$/,
    ],
    ['is deleted', () => unlinkSync(inRoot('a.csv')), /went away after it was listed$/],
  ] as [string, () => void | Promise<void>, RegExp][])(
    'is not taken: it %s while it is read',
    async (_, change, message) => {
      put('a.csv', content);
      const place = `sftp://127.0.0.1:${proxy.port}${inRoot('a.csv')}`;
      expect(await fetchWhile('a.csv', change)).toMatchObject({
        code: 'SOURCE_CHANGED',
        retryable: true,
        exitCode: 1,
        place,
        message: expect.stringMatching(message),
      });
    },
  );

  it('is not taken either when it changed between the listing and the reading', async () => {
    const session = await connected();
    for (const change of [
      () => appendFileSync(inRoot('a.csv'), 'x'),
      () => utimesSync(inRoot('a.csv'), 1, 1),
      () => unlinkSync(inRoot('a.csv')),
      () => {
        unlinkSync(inRoot('a.csv'));
        mkdirSync(inRoot('a.csv'));
      },
    ]) {
      rmSync(inRoot('a.csv'), { recursive: true, force: true });
      put('a.csv', 'one');
      const file = await listed(session, 'a.csv');
      change();
      const into = join(tempFolder(), 'copy');
      let told = 0;
      const fetched = session.fetch(file, into, (count) => {
        told += count;
      });
      await expect(fetched).rejects.toMatchObject({ exitCode: 1 });
      expect(told).toBe(0);
      expect(existsSync(into)).toBe(false);
    }
  });

  it.skipIf(loginUserMissing() !== undefined)('is unreadable alone when the server forbids it', async () => {
    for (const name of ['a.csv', 'b.csv', 'c.csv']) put(name, name);
    chmodSync(inRoot('b.csv'), 0o600);
    const session = await connected();
    const files = await session.list({ root: '.', patterns: ['*.csv'], now: Date.now() });
    expect(files.map((file) => file.path)).toEqual(['a.csv', 'b.csv', 'c.csv']);
    const into = tempFolder();
    const results = await Promise.allSettled(files.map((file) => session.fetch(file, join(into, file.path))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const place = `sftp://127.0.0.1:${server.port}${inRoot('b.csv')}`;
    expect(results[1]).toMatchObject({
      reason: {
        code: 'SOURCE_UNREADABLE',
        retryable: false,
        exitCode: 1,
        place,
        message: `cannot read ${place}: permission denied`,
      },
    });
    expect(readdirSync(into).sort()).toEqual(['a.csv', 'c.csv']);
  });
});
