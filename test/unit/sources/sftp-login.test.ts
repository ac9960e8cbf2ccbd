import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import type { SftpConnection } from '../../../src/sources/index.js';
import { sftpPlace } from '../../../src/sources/sftp/connection.js';
import { loginOf, readPrivateKey } from '../../../src/sources/sftp/login.js';

const PHRASE = 'open sesame';

function connection(rest: Partial<SftpConnection>): SftpConnection {
  return { host: 'h', port: 22, user: 'u', hostKeys: [], connectTimeoutMs: 1000, attempts: 1, ...rest };
}

function pem(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1', passphrase?: string): string {
  const encrypted = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return key.export({ format: 'pem', type, ...encrypted } as never).toString();
}

function opensshKey(passphrase?: string): string {
  const { generateKeyPairSync: make } = ssh2.utils;
  if (passphrase === undefined) return make('ed25519').private;
  return make('ed25519', { cipher: 'aes256-ctr', passphrase, rounds: 16 }).private;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const ed = generateKeyPairSync('ed25519').privateKey;

describe('a private key', () => {
  it('is read in the forms that there are', async () => {
    const forms = {
      openssh: [opensshKey()],
      'openssh, encrypted': [opensshKey(PHRASE), PHRASE],
      'RSA, PKCS#1': [pem(rsa, 'pkcs1')],
      'RSA, PKCS#1, encrypted': [pem(rsa, 'pkcs1', PHRASE), PHRASE],
      'RSA, PKCS#8': [pem(rsa, 'pkcs8')],
      'RSA, PKCS#8, encrypted': [pem(rsa, 'pkcs8', PHRASE), PHRASE],
      'ECDSA, SEC1': [pem(ec, 'sec1')],
      'ECDSA, PKCS#8, encrypted': [pem(ec, 'pkcs8', PHRASE), PHRASE],
    };
    for (const [name, [privateKey = '', passphrase]] of Object.entries(forms)) {
      for (const text of [privateKey, privateKey.trim(), privateKey.replaceAll('\n', '\r\n')]) {
        const given = connection({ privateKey: text, ...(passphrase === undefined ? {} : { passphrase }) });
        expect(await readPrivateKey(given), name).toMatch(/^-----BEGIN /);
      }
    }
    expect(await readPrivateKey(connection({}))).toBeUndefined();
  });

  it.each([
    ['without its passphrase', () => [opensshKey(PHRASE)], 'is encrypted'],
    ['without its passphrase, PKCS#1', () => [pem(rsa, 'pkcs1', PHRASE)], 'is encrypted'],
    ['without its passphrase, PKCS#8', () => [pem(rsa, 'pkcs8', PHRASE)], 'is encrypted'],
    ['with a wrong one', () => [opensshKey(PHRASE), 'open barley'], 'cannot be decrypted'],
    ['with a wrong one, PKCS#1', () => [pem(rsa, 'pkcs1', PHRASE), 'open barley'], 'cannot be decrypted'],
    ['with a wrong one, PKCS#8', () => [pem(rsa, 'pkcs8', PHRASE), 'open barley'], 'cannot be decrypted'],
    ['of a form that ssh2 lacks', () => [pem(ed, 'pkcs8')], 'cannot be read'],
    ['that is cut', () => [opensshKey().slice(0, 200)], 'cannot be read'],
    ['that is none', () => ['password123']],
    ['that is empty', () => ['']],
  ] as [string, () => string[], string?][])(
    '%s is a usage error that tells nothing of it',
    async (_, make, message) => {
      const [privateKey = '', passphrase] = make();
      const given = connection({ privateKey, ...(passphrase === undefined ? {} : { passphrase }) });
      const error: unknown = await readPrivateKey(given).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'USAGE',
        exitCode: 2,
        place: 'sftp://h:22',
        message: `the private key for sftp://h:22 ${message ?? 'cannot be read'}`,
      });
      const told = inspect(error, { depth: 9 });
      for (const secret of [passphrase ?? PHRASE, 'password123', privateKey.slice(60, 90)]) {
        if (secret !== '') expect(told).not.toContain(secret);
      }
    },
  );

  it('is not a public one', async () => {
    const given = connection({ privateKey: ssh2.utils.generateKeyPairSync('ed25519').public });
    await expect(readPrivateKey(given)).rejects.toMatchObject({ code: 'USAGE', message: /is a public key$/ });
  });
});

/** What is tried against a server that answers so. */
function methodsFor(given: Partial<SftpConnection>, answers: readonly (readonly [string[], boolean])[]): string[] {
  const login = loginOf(connection(given), given.privateKey);
  const asked: string[] = [];
  const handler = login.options.authHandler as (
    allowed: string[] | null,
    isPartial: boolean,
    next: (method: unknown) => void,
  ) => void;
  const next = (method: unknown) => {
    asked.push(
      method === false ? 'none left' : typeof method === 'string' ? method : (method as { type: string }).type,
    );
  };
  handler(null, false, next);
  for (const [allowed, isPartial] of answers) handler(allowed, isPartial, next);
  return asked;
}

describe('a login', () => {
  const both = { privateKey: 'k', password: 'p' };

  it('tries the key, then the password, then the password as an answer', () => {
    const all = ['publickey', 'password', 'keyboard-interactive'];
    expect(
      methodsFor(both, [
        [all, false],
        [all, false],
        [all, false],
      ]),
    ).toEqual([...all, 'none left']);
    expect(methodsFor({ password: 'p' }, [[all, false]])).toEqual(['password', 'keyboard-interactive']);
    expect(methodsFor({ privateKey: 'k' }, [[all, false]])).toEqual(['publickey', 'none left']);
  });

  it('leaves out what the server does not take', () => {
    expect(methodsFor(both, [[['keyboard-interactive'], false]])).toEqual(['publickey', 'keyboard-interactive']);
    expect(methodsFor(both, [[['gssapi-with-mic'], false]])).toEqual(['publickey', 'none left']);
  });

  it('gives a server both when it wants both, in the order that it wants', () => {
    expect(methodsFor(both, [[['password'], true]])).toEqual(['publickey', 'password']);
    expect(
      methodsFor(both, [
        [['password'], false],
        [['publickey'], true],
      ]),
    ).toEqual(['publickey', 'password', 'publickey']);
    expect(methodsFor(both, [[['publickey'], true]])).toEqual(['publickey', 'none left']);
  });
});

describe('a place', () => {
  it('has neither user nor password', () => {
    expect(sftpPlace({ host: 'sftp.example.com', port: 22 })).toBe('sftp://sftp.example.com:22');
    expect(sftpPlace({ host: '::1', port: 2222 }, '/in/a b.csv')).toBe('sftp://[::1]:2222/in/a b.csv');
  });
});
