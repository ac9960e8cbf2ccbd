import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2, { type AuthContext, type Connection, type FileEntry, type InputAttributes, type SFTPWrapper } from 'ssh2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { openSftp, type SftpConnection, type SftpSession } from '../../src/sources/index.js';
import { tempFolder } from '../support/temp-folder.js';

/** Servers of other makers differ from OpenSSH in what the protocol leaves open; here ssh2's own server plays them. */
interface OddServer {
  readonly logIn?: (login: AuthContext) => void;
  readonly hasSftp?: boolean;
  /** Content of the only file, `/a.bin`. */
  readonly content?: Buffer;
  /** Most bytes that one answer has. */
  readonly answerBytes?: number;
  readonly attributes?: Partial<InputAttributes>;
  /** Entries of `/` beside the file. */
  readonly entries?: readonly string[];
  readonly neverLists?: boolean;
}

const { STATUS_CODE } = ssh2.utils.sftp;
const hostKey = ssh2.utils.generateKeyPairSync('ed25519');
const MODIFIED = 1_700_000_000;

function serveFiles(sftp: SFTPWrapper, odd: OddServer): void {
  const { content = Buffer.from('content'), answerBytes = Number.POSITIVE_INFINITY } = odd;
  const file = odd.attributes ?? {
    mode: 0o100644,
    size: content.length,
    mtime: MODIFIED,
    atime: MODIFIED,
    uid: 0,
    gid: 0,
  };
  const folder = { mode: 0o040755, size: 0, mtime: MODIFIED, atime: MODIFIED, uid: 0, gid: 0 };
  let isListed = false;
  const stat = (id: number, path: string) => {
    if (path === '/') sftp.attrs(id, folder);
    else if (path === '/a.bin') sftp.attrs(id, file as InputAttributes as never);
    else sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
  };
  sftp.on('REALPATH', (id, path) => sftp.name(id, [{ filename: path === '.' ? '/' : path } as FileEntry]));
  sftp.on('STAT', stat).on('LSTAT', stat);
  sftp.on('OPENDIR', (id) => {
    isListed = false;
    sftp.handle(id, Buffer.from('folder'));
  });
  sftp.on('READDIR', (id) => {
    if (odd.neverLists === true) return;
    if (isListed) return void sftp.status(id, STATUS_CODE.EOF);
    isListed = true;
    const names = ['.', '..', 'a.bin', ...(odd.entries ?? [])];
    sftp.name(
      id,
      names.map((filename) => ({ filename, longname: filename, attrs: file as never })),
    );
  });
  sftp.on('OPEN', (id) => sftp.handle(id, Buffer.from('file')));
  sftp.on('FSTAT', (id) => sftp.attrs(id, file as never));
  sftp.on('READ', (id, _handle, offset, length) => {
    const bytes = content.subarray(offset, offset + Math.min(length, answerBytes));
    if (bytes.length === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.data(id, bytes);
  });
  sftp.on('CLOSE', (id) => sftp.status(id, STATUS_CODE.OK));
}

function serve(client: Connection, odd: OddServer): void {
  client.on('error', () => undefined);
  client.on('authentication', odd.logIn ?? ((login) => login.accept()));
  client.on('session', (accept) => {
    const session = accept();
    session.on('sftp', (acceptSftp, reject) => {
      if (odd.hasSftp === false) reject();
      else serveFiles(acceptSftp(), odd);
    });
  });
}

/** A server on the loopback address, and how it is reached. */
async function start(odd: OddServer): Promise<SftpConnection> {
  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => serve(client, odd));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    user: 'somebody',
    password: 'open sesame',
    hostKeys: [hostKey.public],
    connectTimeoutMs: 5000,
    attempts: 1,
  };
}

async function connected(connection: SftpConnection): Promise<SftpSession> {
  const session = await openSftp(connection, { clock: systemClock });
  onTestFinished(() => session.close());
  return session;
}

function list(session: SftpSession) {
  return session.list({ root: '/', patterns: ['**'], now: Date.now() });
}

describe('a server that asks for the password in another way', () => {
  it('gets it as the answer to one hidden question', async () => {
    const questions: string[] = [];
    const connection = await start({
      logIn: (login) => {
        if (login.method !== 'keyboard-interactive') return login.reject(['keyboard-interactive']);
        login.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
          questions.push('asked');
          if (answers[0] === 'open sesame') login.accept();
          else login.reject(['keyboard-interactive']);
        });
      },
    });
    expect(await list(await connected(connection))).toHaveLength(1);
    expect(questions).toEqual(['asked']);
    const wrong = openSftp({ ...connection, password: 'wrong' }, { clock: systemClock });
    await expect(wrong).rejects.toMatchObject({
      code: 'AUTH',
      exitCode: 3,
      retryable: false,
      message: expect.stringMatching(/refused the login with the password \(it takes keyboard-interactive\)$/),
    });
  });

  it('gets it for no question that is another one', async () => {
    const seen: string[] = [];
    for (const prompts of [
      [{ prompt: 'Name: ', echo: true }],
      [
        { prompt: 'Password: ', echo: false },
        { prompt: 'Code: ', echo: false },
      ],
    ]) {
      const connection = await start({
        logIn: (login) => {
          if (login.method !== 'keyboard-interactive') return login.reject(['keyboard-interactive']);
          login.prompt(prompts, (answers) => {
            seen.push(...answers);
            login.reject();
          });
        },
      });
      await expect(openSftp(connection, { clock: systemClock })).rejects.toMatchObject({ code: 'AUTH' });
    }
    expect(seen).toEqual(['', '', '']);
  });

  it('may want it changed first', async () => {
    const connection = await start({
      logIn: (login) => {
        if (login.method === 'password') login.requestChange('Choose a new one', () => undefined);
        else login.reject(['password']);
      },
    });
    await expect(openSftp(connection, { clock: systemClock })).rejects.toMatchObject({
      code: 'AUTH',
      exitCode: 3,
      message: expect.stringMatching(/wants the password changed/),
    });
  });
});

describe('a server that gives less than others', () => {
  it('answers with fewer bytes than were asked for', async () => {
    const content = randomBytes(300_000);
    for (const answerBytes of [1000, 10_000, 30_719]) {
      const session = await connected(await start({ content, answerBytes }));
      const [file] = await list(session);
      const into = join(tempFolder(), 'copy');
      const { sha256 } = await session.fetch(file!, into);
      expect(readFileSync(into).equals(content)).toBe(true);
      expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
    }
  });

  it('has fewer bytes than it says', async () => {
    const content = Buffer.from('short');
    const attributes = { mode: 0o100644, size: 100_000, mtime: MODIFIED, atime: MODIFIED };
    const session = await connected(await start({ content, attributes }));
    const [file] = await list(session);
    const folder = tempFolder();
    await expect(session.fetch(file!, join(folder, 'copy'))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringMatching(/became shorter while it was read$/),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells no time of change: the file waits', async () => {
    const session = await connected(await start({ attributes: { mode: 0o100644, size: 7 } as never }));
    expect(await list(session)).toMatchObject([
      { path: 'a.bin', waiting: 'the server does not tell its size and its time of change' },
    ]);
  });

  it('offers no SFTP', async () => {
    const connection = await start({ hasSftp: false });
    await expect(openSftp({ ...connection, attempts: 3 }, { clock: systemClock })).rejects.toMatchObject({
      code: 'CONNECTION',
      retryable: false,
      exitCode: 3,
      message: expect.stringMatching(/^sftp:\/\/127\.0\.0\.1:\d+ offers no SFTP to this login: /),
    });
  });

  it('never answers', async () => {
    const session = await connected({ ...(await start({ neverLists: true })), connectTimeoutMs: 300 });
    const started = Date.now();
    await expect(list(session)).rejects.toMatchObject({
      code: 'CONNECTION',
      retryable: true,
      message: expect.stringMatching(/^sftp:\/\/127\.0\.0\.1:\d+ has been silent for 0\.3 s$/),
    });
    expect(Date.now() - started).toBeLessThan(4000);
  });
});

describe('a server that lies about names', () => {
  it('cannot lead out of a folder', async () => {
    const session = await connected(
      await start({ entries: ['../evil.bin', 'd/e.bin', '/etc/passwd', 'x\0y', 'good.bin'] }),
    );
    expect((await list(session)).map((file) => file.path)).toEqual(['a.bin', 'good.bin']);
    expect(existsSync('/evil.bin')).toBe(false);
  });
});
