import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { type ListedFile, openSftp, type SftpConnection, type SftpSession } from '../../src/sources/index.js';
import { BrokenProxy } from '../support/broken-proxy.js';
import { describeSftp, SftpServer } from '../support/sftp-server.js';
import { tempFolder } from '../support/temp-folder.js';

const MB = 1_000_000;
/** Waits that are short, and the same each time. */
const clock: Clock = { now: () => Date.now(), random: () => 0.02 };
const content = randomBytes(20 * MB);
/** What a connection needs beside the bytes of the file: key exchange, login, stat, and a frame around each answer. */
const OVERHEAD = 30_000 + content.length / 100;

/** Bytes that can be on their way at the same time. */
const WINDOW = 2 * MB;

let server: SftpServer;
let proxy: BrokenProxy;
beforeAll(async () => {
  server = await SftpServer.start();
  const file = join(server.root, 'a.bin');
  writeFileSync(file, content);
  utimesSync(file, 1_700_000_000, 1_700_000_000);
});
afterAll(() => server?.stop());
beforeEach(async () => {
  const started = await BrokenProxy.start(server.port);
  proxy = started;
  onTestFinished(() => started.close());
});

async function connected(rest: Partial<SftpConnection> = {}, signal?: AbortSignal): Promise<SftpSession> {
  const connection = server.connection({ port: proxy.port, attempts: 3, ...rest });
  const session = await openSftp(connection, { clock, ...(signal === undefined ? {} : { signal }) });
  onTestFinished(() => session.close());
  return session;
}

async function listed(session: SftpSession): Promise<ListedFile> {
  const [file] = await session.list({ root: '.', patterns: ['a.bin'], now: Date.now() });
  return file!;
}

/** The number of bytes that reached clients. */
function given(): number {
  return proxy.given.reduce((sum, bytes) => sum + bytes, 0);
}

/** Fetches the file and compares every byte; returns how many bytes were told. */
async function fetchWhole(session: SftpSession, file: ListedFile, onBytes?: (told: number) => void): Promise<void> {
  const into = join(tempFolder(), 'copy');
  let told = 0;
  const fingerprint = await session.fetch(file, into, (bytes) => {
    told += bytes;
    onBytes?.(told);
  });
  expect(readFileSync(into).equals(content)).toBe(true);
  expect(fingerprint.sha256).toBe(createHash('sha256').update(content).digest('hex'));
  expect(fingerprint.size).toBe(content.length);
  expect(told).toBe(content.length);
}

describeSftp('a download whose connection breaks', () => {
  it.each([
    ['at once', [10]],
    ['during the login', [1500]],
    ['before the first byte', [6000]],
    ['in the first bytes', [40_000]],
    ['in the middle', [10 * MB]],
    ['just before the end', [content.length - 1000]],
    ['again and again', [5 * MB, 1_234_567, 700, 3 * MB, 4000, 2 * MB, 5 * MB]],
  ])('goes on where it stopped: %s', async (_, cuts) => {
    const session = await connected({ attempts: cuts.length + 1 });
    const file = await listed(session);
    // The connection that there is ends first.
    proxy.cutAfter(...cuts);
    proxy.cut();
    const before = given();
    await fetchWhole(session, file);
    const connections = cuts.length + 1;
    expect(proxy.given).toHaveLength(connections + 1);
    // Of each connection that broke, only the answer that was not whole is asked for again.
    expect(given() - before).toBeLessThan(content.length + connections * OVERHEAD);
  });

  it('goes on when the server dies and comes back', async () => {
    const session = await connected({ attempts: 20, port: server.port });
    const file = await listed(session);
    let deaths = 0;
    const restarts: Promise<void>[] = [];
    await fetchWhole(session, file, (told) => {
      if (told < (deaths + 1) * 6 * MB || deaths >= 2) return;
      deaths++;
      restarts.push(
        server
          .kill()
          .then(() => new Promise((resolve) => setTimeout(resolve, 300)))
          .then(() => server.restart()),
      );
    });
    await Promise.all(restarts);
    expect(deaths).toBe(2);
  });

  it('is given up after as many connections as are allowed, and leaves nothing', async () => {
    const session = await connected({ attempts: 3 });
    const file = await listed(session);
    proxy.cutAfter(2 * MB, 2 * MB, 2 * MB, 2 * MB, 2 * MB);
    proxy.cut();
    const into = join(tempFolder(), 'copy');
    await expect(session.fetch(file, into)).rejects.toMatchObject({
      code: 'CONNECTION',
      retryable: true,
      exitCode: 3,
      place: `sftp://127.0.0.1:${proxy.port}`,
      message: expect.stringMatching(/^the connection to sftp:\/\/127\.0\.0\.1:\d+ broke/),
    });
    expect(existsSync(into)).toBe(false);
    expect(proxy.given).toHaveLength(4);
    proxy.cutAfter();
    await fetchWhole(session, file);
  });

  it('is not mixed with another file of the same name', async () => {
    const other = join(server.root, 'other');
    mkdirSync(other, { recursive: true });
    const path = join(other, 'a.bin');
    const write = (bytes: Buffer, second: number) => {
      writeFileSync(path, bytes);
      utimesSync(path, second, second);
    };
    write(content, 1_700_000_000);
    const session = await connected();
    const [file] = await session.list({ root: other, patterns: ['*'], now: Date.now() });
    proxy.cutAfter(5 * MB);
    proxy.cut();
    let isNew = false;
    const into = join(tempFolder(), 'copy');
    const fetched = session.fetch(file!, into, () => {
      if (!isNew) write(randomBytes(content.length), 1_700_000_001);
      isNew = true;
    });
    await expect(fetched).rejects.toMatchObject({ code: 'SOURCE_CHANGED', retryable: true, exitCode: 1 });
    expect(existsSync(into)).toBe(false);
    const [again] = await session.list({ root: other, patterns: ['*'], now: Date.now() });
    const { sha256 } = await session.fetch(again!, into);
    expect(sha256).toBe(createHash('sha256').update(readFileSync(path)).digest('hex'));
    rmSync(other, { recursive: true });
  });
});

describeSftp('a server that falls silent', () => {
  it('is left for another connection when it owes an answer', async () => {
    const session = await connected({ connectTimeoutMs: 500, attempts: 2 });
    const file = await listed(session);
    const into = join(tempFolder(), 'copy');
    proxy.goDeaf();
    const started = Date.now();
    await expect(session.fetch(file, into)).rejects.toMatchObject({ code: 'CONNECTION', retryable: true, exitCode: 3 });
    expect(Date.now() - started).toBeLessThan(6000);
    expect(existsSync(into)).toBe(false);
    proxy.goDeaf(false);
    await fetchWhole(session, file);
  });

  it('in the middle of a download, which goes on where it stopped', async () => {
    const session = await connected({ connectTimeoutMs: 700, attempts: 1 });
    const file = await listed(session);
    let unfreeze: (() => void) | undefined;
    const before = given();
    const started = Date.now();
    await fetchWhole(session, file, (told) => {
      if (told > 5 * MB) unfreeze ??= server.freeze();
    });
    unfreeze?.();
    expect(Date.now() - started).toBeGreaterThanOrEqual(700);
    expect(proxy.given).toHaveLength(2);
    expect(given() - before).toBeLessThan(content.length + 2 * OVERHEAD + WINDOW);
  });

  it('may be silent for as long as it likes when it owes nothing', async () => {
    const session = await connected({ connectTimeoutMs: 300, attempts: 1 });
    await listed(session);
    await new Promise((resolve) => setTimeout(resolve, 900));
    await listed(session);
    expect(proxy.given).toHaveLength(1);
  });

  it('is not silent when this process was busy', async () => {
    const session = await connected({ connectTimeoutMs: 300, attempts: 1 });
    const file = await listed(session);
    const asked = session.list({ root: '.', patterns: ['a.bin'], now: Date.now() });
    const until = Date.now() + 700;
    while (Date.now() < until);
    expect(await asked).toEqual([file]);
    let isDone = false;
    await fetchWhole(session, file, (told) => {
      if (isDone || told < 5 * MB) return;
      isDone = true;
      // What is still to come takes a while.
      proxy.delay(40);
      const later = Date.now() + 700;
      while (Date.now() < later);
    });
    expect(proxy.given).toHaveLength(1);
  });
});

describeSftp('a listing whose connection breaks', () => {
  it('is made again', async () => {
    const folder = join(server.root, 'many');
    mkdirSync(folder);
    for (let i = 0; i < 2000; i++) writeFileSync(join(folder, `${i}.csv`), '');
    const session = await connected({ attempts: 4 });
    proxy.cutAfter(20_000, 900, 100_000);
    proxy.cut();
    const files = await session.list({ root: 'many', patterns: ['*.csv'], now: Date.now() });
    expect(files).toHaveLength(2000);
    expect(proxy.given).toHaveLength(5);
    rmSync(folder, { recursive: true });
  });

  it('waits between its attempts, longer each time', async () => {
    const slow: Clock = { ...clock, random: () => 0.5 };
    proxy.refuse(2);
    const started = Date.now();
    const session = await openSftp(server.connection({ port: proxy.port, attempts: 3 }), { clock: slow });
    await session.close();
    // Half of 640 ms, half of 1,280 ms.
    expect(Date.now() - started).toBeGreaterThanOrEqual(940);
  });

  it('fails at once when there is nothing to wait for', async () => {
    const session = await connected({ attempts: 20 });
    const started = Date.now();
    await expect(session.list({ root: 'nowhere', patterns: ['*'], now: 0 })).rejects.toMatchObject({ code: 'USAGE' });
    expect(Date.now() - started).toBeLessThan(1000);
  });
});

/** Runs something that is ended by the signal, and how long it took from then. */
async function aborted(
  run: (signal: AbortSignal) => Promise<unknown>,
  afterMs: number,
): Promise<{ error: unknown; ms: number }> {
  const stop = new AbortController();
  let at = 0;
  setTimeout(() => {
    at = performance.now();
    stop.abort(new Error('stop, please'));
  }, afterMs);
  const error: unknown = await run(stop.signal).catch((thrown: unknown) => thrown);
  return { error, ms: performance.now() - at };
}

describeSftp('a signal ends at once', () => {
  it('a download, which leaves nothing', async () => {
    const into = join(tempFolder(), 'copy');
    const { error, ms } = await aborted(async (signal) => {
      const session = await connected({}, signal);
      const file = await listed(session);
      proxy.delay(2000);
      await session.fetch(file, into);
    }, 1000);
    expect(error).toMatchObject({ message: 'stop, please' });
    expect(ms).toBeLessThan(200);
    expect(existsSync(into)).toBe(false);
  });

  it('a download in full flow', async () => {
    const stop = new AbortController();
    const session = await connected({ attempts: 5 }, stop.signal);
    const file = await listed(session);
    const into = join(tempFolder(), 'copy');
    let told = 0;
    const fetched = session.fetch(file, into, (bytes) => {
      told += bytes;
      if (told > 5 * MB) stop.abort();
    });
    await expect(fetched).rejects.toMatchObject({ name: 'AbortError' });
    expect(told).toBeLessThan(8 * MB);
    expect(existsSync(into)).toBe(false);
    await expect(session.fetch(file, into)).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(into)).toBe(false);
    expect(proxy.given).toHaveLength(1);
  });

  it('a login', async () => {
    proxy.goDeaf();
    const { error, ms } = await aborted((signal) => connected({}, signal), 200);
    expect(error).toMatchObject({ message: 'stop, please' });
    expect(ms).toBeLessThan(500);
  });

  it('the wait before another connection', async () => {
    const port = proxy.port;
    await proxy.close();
    const connection = server.connection({ port, attempts: 20 });
    const { error, ms } = await aborted((signal) => openSftp(connection, { clock, signal }), 700);
    expect(error).toMatchObject({ message: 'stop, please' });
    expect(ms).toBeLessThan(200);
  });

  it('the wait for a file that is being written', async () => {
    const folder = join(server.root, 'young');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.csv'), '');
    const { error, ms } = await aborted(async (signal) => {
      const session = await connected({}, signal);
      return session.list({ root: 'young', patterns: ['*'], now: Date.now(), arrival: { stableForMs: 60_000 } });
    }, 800);
    expect(error).toMatchObject({ message: 'stop, please' });
    expect(ms).toBeLessThan(200);
    rmSync(folder, { recursive: true });
  });

  it('everything, when it came before', async () => {
    await expect(connected({}, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    expect(proxy.given).toEqual([]);
  });
});

describeSftp('a session that is closed', () => {
  it('is over: what is open rejects, and nothing can be asked any more', async () => {
    const session = await connected();
    const file = await listed(session);
    const into = join(tempFolder(), 'copy');
    const fetched = session.fetch(file, into).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await session.close();
    expect(await fetched).toMatchObject({ code: 'CONNECTION' });
    expect(existsSync(into)).toBe(false);
    await expect(listed(session)).rejects.toMatchObject({ code: 'CONNECTION' });
    await session.close();
    expect(proxy.given).toHaveLength(1);
  });
});
