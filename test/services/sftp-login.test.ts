import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import type { LakeError } from '../../src/base/lake-error.js';
import { openSftp, type SftpConnection } from '../../src/sources/index.js';
import {
  describeSftp,
  loginUserMissing,
  runTool,
  SftpServer,
  type SftpServerOptions,
  sftpServerMissing,
} from '../support/sftp-server.js';

let server: SftpServer;
beforeAll(async () => {
  server = await SftpServer.start({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] });
});
afterAll(() => server?.stop());

async function other(options: SftpServerOptions): Promise<SftpServer> {
  const started = await SftpServer.start(options);
  onTestFinished(() => started.stop());
  return started;
}

async function logIn(connection: SftpConnection): Promise<void> {
  const session = await openSftp(connection, { clock: systemClock });
  await session.close();
}

/** Why a login is refused; nothing in it is a secret. */
async function refusal(connection: SftpConnection): Promise<LakeError> {
  const error: unknown = await logIn(connection).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const told = inspect(error, { depth: 9 });
  const { password, passphrase, privateKey, user } = connection;
  for (const secret of [password, passphrase, privateKey?.slice(60, 100), `${user}@`]) {
    if (secret !== undefined) expect(told).not.toContain(secret);
  }
  expect(error).toMatchObject({ name: 'LakeError', place: `sftp://127.0.0.1:${connection.port}` });
  return error as LakeError;
}

/** A login without any key of the server's. */
function withPassword(at: SftpServer, password: string): SftpConnection {
  const { privateKey: _, ...rest } = at.connection({ password });
  return rest;
}

const noUser = loginUserMissing();
if (noUser !== undefined) console.warn(`skipped: logins with a password: ${noUser}`);

describeSftp('a login at OpenSSH', () => {
  it('works with a key: Ed25519, RSA, encrypted', async () => {
    await logIn(server.connection());
    await logIn(server.connection({ privateKey: server.key('rsa') }));
    await logIn(server.connection({ privateKey: server.key('encrypted'), passphrase: server.passphrase }));
  });

  it('is refused with a key that the server does not know, once', async () => {
    const error = await refusal(server.connection({ privateKey: server.key('stranger'), attempts: 5 }));
    expect(error).toMatchObject({ code: 'AUTH', retryable: false, exitCode: 3 });
    expect(error.message).toMatch(/refused the login with the key \(it takes .*publickey/);
    expect(error.hint).toMatch(/check user, password and private_key/);
  });

  it('does not begin when the key cannot be decrypted', async () => {
    const encrypted = { privateKey: server.key('encrypted'), port: 1 };
    expect(await refusal(server.connection(encrypted))).toMatchObject({ code: 'USAGE', exitCode: 2 });
    const wrong = server.connection({ ...encrypted, passphrase: 'another phrase' });
    expect(await refusal(wrong)).toMatchObject({ code: 'USAGE', message: /cannot be decrypted/ });
  });

  it.skipIf(noUser !== undefined)('works with a password, and is refused with a wrong one', async () => {
    await logIn(withPassword(server, server.password!));
    const error = await refusal(withPassword(server, 'not the right one'));
    expect(error).toMatchObject({ code: 'AUTH', retryable: false, exitCode: 3 });
    expect(error.message).toMatch(/refused the login with the password \(it takes /);
  });

  it.skipIf(noUser !== undefined)('uses the password when the key is not taken', async () => {
    await logIn(server.connection({ privateKey: server.key('stranger'), password: server.password! }));
  });

  it.skipIf(noUser !== undefined)('gives key and password to a server that wants both, in either order', async () => {
    for (const wanted of ['publickey,password', 'password,publickey']) {
      const strict = await other({ config: [`AuthenticationMethods ${wanted}`] });
      await logIn(strict.connection({ password: strict.password! }));
      expect(await refusal(strict.connection())).toMatchObject({ code: 'AUTH' });
      expect(await refusal(withPassword(strict, strict.password!))).toMatchObject({ code: 'AUTH' });
    }
  });

  it('is refused for a user that may not come', async () => {
    expect(await refusal(server.connection({ user: 'nobody-at-all' }))).toMatchObject({ code: 'AUTH', exitCode: 3 });
  });

  it('says when the server offers no SFTP', async () => {
    const closed = await other({ config: ['ForceCommand /bin/false', 'Subsystem other internal-sftp'] });
    const error = await refusal(closed.connection({ attempts: 3 }));
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: false, exitCode: 3 });
  });
});

describeSftp('setup-sftp.sh', () => {
  it('is quick when there is a server, and says so', () => {
    const started = Date.now();
    const script = fileURLToPath(new URL('setup-sftp.sh', import.meta.url));
    expect(runTool('bash', [script])).toBe('OpenSSH is ready: /usr/sbin/sshd\n');
    expect(Date.now() - started).toBeLessThan(2000);
    expect(sftpServerMissing()).toBeUndefined();
  });
});

/** What a tool of OpenSSH prints about the keys of a server. */
function keyscan(at: SftpServer, ...args: readonly string[]): string[] {
  const where = ['-p', String(at.port), '127.0.0.1'];
  return runTool('ssh-keyscan', [...args, ...where])
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describeSftp('the host key', () => {
  it('is known by its fingerprint, whichever of the keys of the server it is of', async () => {
    for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) {
      await logIn(server.connection({ hostKeys: [server.fingerprint(type)] }));
    }
  });

  it('is known by lines of known_hosts as ssh-keyscan prints them, of any type, hashed too', async () => {
    for (const type of ['ed25519', 'rsa', 'ecdsa']) {
      for (const args of [[], ['-H']]) {
        const lines = keyscan(server, '-t', type, ...args);
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(args.length === 0 ? /^\[127\.0\.0\.1\]:\d+ / : /^\|1\|/);
        await logIn(server.connection({ hostKeys: lines }));
      }
    }
    await logIn(server.connection({ hostKeys: [keyscan(server).join('\n')] }));
    await logIn(server.connection({ hostKeys: [`sftp.example.com,127.0.0.1 ${server.hostKey()}`] }));
    await logIn(server.connection({ hostKeys: [server.hostKey()] }));
  });

  it('that is another one is refused, with what the server shows', async () => {
    const stranger = await other({});
    for (const hostKeys of [
      [stranger.fingerprint()],
      [`[127.0.0.1]:${server.port} ${stranger.hostKey()}`],
      [stranger.hostKey()],
    ]) {
      const error = await refusal(server.connection({ hostKeys, attempts: 3 }));
      expect(error).toMatchObject({ code: 'HOST_KEY', exitCode: 3, retryable: false });
      expect(error.message).toContain(`another host key than host_key says: ${server.fingerprint()} (ssh-ed25519)`);
      expect(error.hint).toMatch(/only when the owner of the server confirms it/);
      // Where the type is known, it is not asked for keys of other types.
      const isPrint = hostKeys[0]?.startsWith('SHA256:') === true;
      expect(error.message.includes(server.fingerprint('rsa'))).toBe(isPrint);
    }
    const all = await refusal(server.connection({ hostKeys: [stranger.fingerprint()] }));
    for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) expect(all.message).toContain(server.fingerprint(type));
  });

  it('that nobody has named is refused as a wrong configuration, with what the server shows', async () => {
    for (const hostKeys of [[], ['# nothing'], [`sftp.example.com ${server.hostKey()}`]]) {
      const error = await refusal(server.connection({ hostKeys }));
      expect(error).toMatchObject({ code: 'HOST_KEY', exitCode: 2, retryable: false });
      expect(error.message).toContain(`no host key is known for sftp://127.0.0.1:${server.port}`);
      expect(error.message).toContain(`${server.fingerprint()} (ssh-ed25519)`);
    }
  });

  it('that is revoked is refused', async () => {
    const hostKeys = [server.fingerprint(), `@revoked * ${server.hostKey()}`];
    const error = await refusal(server.connection({ hostKeys }));
    expect(error).toMatchObject({ code: 'HOST_KEY', exitCode: 3, message: /is marked as revoked/ });
  });

  it('that is refused sees no password', async () => {
    const stranger = await other({});
    const refused = {
      ...withPassword(server, 'never to be sent'),
      hostKeys: [stranger.fingerprint()],
      user: 'must-not-be-seen',
    };
    expect(await refusal(refused)).toMatchObject({ code: 'HOST_KEY' });
    expect(server.log().includes('must-not-be-seen')).toBe(false);
  });

  it('of a line that is none is a usage error', async () => {
    const error = await refusal(server.connection({ hostKeys: ['MD5:00:11'], port: 1 }));
    expect(error).toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});

describeSftp('a server that is not there', () => {
  it('is a broken connection after as many attempts as are allowed', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as { port: number };
    let asked = 0;
    listener.on('connection', (socket) => {
      asked++;
      socket.destroy();
    });
    const closes = await refusal(server.connection({ port, attempts: 3 }));
    expect(closes).toMatchObject({ code: 'CONNECTION', retryable: true, exitCode: 3, message: /^cannot connect to / });
    expect(asked).toBe(3);
    await new Promise((resolve) => listener.close(resolve));
    const refuses = await refusal(server.connection({ port, attempts: 2 }));
    expect(refuses).toMatchObject({ code: 'CONNECTION', retryable: true, exitCode: 3 });
    expect(refuses.message).toBe(`cannot connect to sftp://127.0.0.1:${port}: nothing listens there`);
  });

  it('is one that says nothing', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    listener.on('connection', (socket) => onTestFinished(() => void socket.destroy()));
    const { port } = listener.address() as { port: number };
    const started = Date.now();
    const error = await refusal(server.connection({ port, connectTimeoutMs: 300 }));
    expect(Date.now() - started).toBeLessThan(3000);
    expect(error).toMatchObject({ code: 'CONNECTION', retryable: true, exitCode: 3 });
    expect(error.message).toBe(`sftp://127.0.0.1:${port} did not let us log in within 0.3 s`);
  });

  it('is one that speaks something else', async () => {
    const listener = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    const { port } = listener.address() as { port: number };
    const error = await refusal(server.connection({ port }));
    expect(error).toMatchObject({ code: 'CONNECTION', exitCode: 3, message: /^cannot connect to / });
  });
});
