import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import type { Client, ServerHostKeyAlgorithm, SFTPWrapper } from 'ssh2';
import type { SftpConnection } from './connection.js';
import {
  cannotConnect,
  hostKeyRefused,
  loginRefused,
  noSftp,
  passwordExpired,
  type ShownKey,
  statusOf,
  timedOut,
} from './errors.js';
import { type HostKeys, keyTypeOf, parseHostKeys } from './host-keys.js';
import { SftpLink } from './link.js';
import { type Login, loginOf, readPrivateKey } from './login.js';

/** A connection that has been looked through: wrong keys and wrong host keys are known before anybody is called. */
export interface Target {
  readonly connection: SftpConnection;
  readonly hostKeys: HostKeys;
  readonly privateKey: string | undefined;
}

/** The algorithms for each type of host key, in the order of preference. */
const KEY_TYPES: readonly { readonly type: string; readonly algorithms: readonly ServerHostKeyAlgorithm[] }[] = [
  { type: 'ssh-ed25519', algorithms: ['ssh-ed25519'] },
  { type: 'ecdsa-sha2-nistp256', algorithms: ['ecdsa-sha2-nistp256'] },
  { type: 'ecdsa-sha2-nistp384', algorithms: ['ecdsa-sha2-nistp384'] },
  { type: 'ecdsa-sha2-nistp521', algorithms: ['ecdsa-sha2-nistp521'] },
  { type: 'ssh-rsa', algorithms: ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] },
];

/** Rejects with a usage error for what can never work. */
export async function readTarget(connection: SftpConnection): Promise<Target> {
  return { connection, hostKeys: parseHostKeys(connection), privateKey: await readPrivateKey(connection) };
}

/**
 * Connects once, checks the host key, logs in and opens SFTP. A server that has several host keys is asked for those that are known; when only fingerprints
 * are, for one after the other. Rejects with code `CONNECTION`, `HOST_KEY` or `AUTH`, or with the reason of the signal.
 */
export async function connectLink(target: Target, signal: AbortSignal | undefined): Promise<SftpLink> {
  const { hostKeys, connection } = target;
  const shown: ShownKey[] = [];
  let offer = [...KEY_TYPES].sort((a, b) => Number(hostKeys.types.has(b.type)) - Number(hostKeys.types.has(a.type)));
  for (;;) {
    const before = shown.length;
    try {
      return await dial({ ...target, offer: offer.flatMap(({ algorithms }) => algorithms), shown }, signal);
    } catch (error) {
      if (shown.length === 0) throw error;
      const last = shown.at(-1);
      const isNews = shown.length > before && last?.verdict === 'unknown';
      offer = last === undefined ? [] : offer.filter(({ type }) => type !== keyTypeOf(last.key));
      signal?.throwIfAborted();
      if (!isNews || !hostKeys.hasFingerprints || offer.length === 0) {
        throw hostKeyRefused(connection, shown, hostKeys.isEmpty);
      }
    }
  }
}

interface Call extends Target {
  readonly offer: ServerHostKeyAlgorithm[];
  /** Where keys are put that are not trusted. */
  readonly shown: ShownKey[];
}

interface Attempt {
  readonly connection: SftpConnection;
  readonly client: Client;
  readonly socket: Socket;
  readonly login: Login;
  readonly signal: AbortSignal | undefined;
}

/** Reasons of SSH_MSG_DISCONNECT that are about the login (RFC 4253, section 11.1): no more methods, no such user. */
const LOGIN_REASONS: readonly (number | undefined)[] = [14, 15];

function failureError({ connection, login }: Attempt, error: Error): Error {
  const { level } = error as { level?: string };
  const isLogin =
    level === 'client-authentication' ||
    LOGIN_REASONS.includes(statusOf(error)) ||
    (statusOf(error) !== undefined && /authentication failures/i.test(error.message));
  if (!isLogin) return cannotConnect(connection, error);
  return loginRefused(connection, { tried: login.tried(), taken: login.taken() });
}

/** What ends an attempt before it has come to something; `next` starts the time for its next step. */
function watchAttempt(attempt: Attempt) {
  const { connection, client, socket, signal } = attempt;
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const within = (step: 'connect' | 'log in') => {
    clearTimeout(timer);
    const ms = connection.connectTimeoutMs;
    // What came while the process was busy is looked at first.
    timer = setTimeout(() => setImmediate(() => fail(timedOut(connection, step, ms))), ms);
  };
  const onAbort = () => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  for (const emitter of [socket, client]) {
    emitter.on('error', (error: Error) => fail(failureError(attempt, error)));
    emitter.on('close', () => fail(cannotConnect(connection, new Error('the connection was closed'))));
  }
  client.on('change password', () => fail(passwordExpired(connection)));
  within('connect');
  const over = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
  return { failed, next: () => within('log in'), over };
}

function openChannel(connection: SftpConnection, client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error ? reject(noSftp(connection, error)) : resolve(sftp)));
  });
}

async function dial(call: Call, signal: AbortSignal | undefined): Promise<SftpLink> {
  signal?.throwIfAborted();
  const { connection, hostKeys, shown } = call;
  const { Client } = (await import('ssh2')).default;
  const socket = connectSocket({ host: connection.host, port: connection.port, noDelay: true });
  const client = new Client();
  const login = loginOf(connection, call.privateKey);
  const { failed, next, over } = watchAttempt({ connection, client, socket, login, signal });
  try {
    await Promise.race([failed, once(socket, 'connect')]);
    next();
    const ready = once(client, 'ready');
    ready.catch(() => undefined);
    client.connect({
      ...login.options,
      sock: socket,
      readyTimeout: 0,
      algorithms: { serverHostKey: call.offer },
      hostVerifier: (key: Buffer) => {
        const verdict = hostKeys.judge(key);
        if (verdict !== 'known') shown.push({ key: Buffer.from(key), verdict });
        return verdict === 'known';
      },
    });
    await Promise.race([failed, ready]);
    next();
    const sftp = await Promise.race([failed, openChannel(connection, client)]);
    return new SftpLink(connection, { client, sftp, socket }, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    over();
  }
}
