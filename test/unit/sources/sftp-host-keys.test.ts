import { describe, expect, it } from 'vitest';
import { fingerprintOf, keyTypeOf, parseHostKeys } from '../../../src/sources/sftp/host-keys.js';

// Made, fingerprinted and hashed by OpenSSH 9.2.
const A = 'AAAAC3NzaC1lZDI1NTE5AAAAIMTRR8Cjk1vf5HHMqZgrGrdKGfTONi2daXEFFLbW+7Hm';
const A_PRINT = 'SHA256:MjMpdjdw2pwqbD2XxDm09B89TSU6Q3l1N1Dxpanttsg';
const B = 'AAAAC3NzaC1lZDI1NTE5AAAAIGBAf4acLzE56Y+eyyBH9TBZu0jx7fG8gEx4gyI04oci';
const E =
  'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA13MKhRiAl4BCbLIDek8iV67RoZuYbSdlSoOdl9uYvusaLI6xrz6l4ce4Cydk4m6dQsiGM+E0GTmlIu3nBb9DY=';
const E_PRINT = 'SHA256:bB8EIkQNVRZSjDC2Z2i56HFoQwF6UBQDiXfx6tbVU+M';
/** `[files.example.com]:2222` with key A, `files.example.com` with key B. */
const HASHED_PORT = `|1|zCcZlZ+7E2H9R0otpQBEcJPi2KQ=|eIslBrf3/ezKPA0TW2NWN3uWUas= ssh-ed25519 ${A}`;
const HASHED_HOST = `|1|mgWZLBTnan4WU/1CztHHoPg8jwg=|mGVUHleQnAdMkSWXhxFRjkIGkx4= ssh-ed25519 ${B}`;

function bytes(key: string): Buffer {
  return Buffer.from(key, 'base64');
}

function judge(hostKeys: readonly string[], key: string, port = 22, host = 'files.example.com'): string {
  return parseHostKeys({ host, port, hostKeys }).judge(bytes(key));
}

describe('a fingerprint', () => {
  it('is written and named as ssh-keygen does', () => {
    expect(fingerprintOf(bytes(A))).toBe(A_PRINT);
    expect(fingerprintOf(bytes(E))).toBe(E_PRINT);
    expect(keyTypeOf(bytes(A))).toBe('ssh-ed25519');
    expect(keyTypeOf(bytes(E))).toBe('ecdsa-sha2-nistp256');
    expect(keyTypeOf(bytes(''))).toBe('');
  });

  it('is for every host, alone, padded or as ssh-keygen -l prints it', () => {
    for (const line of [A_PRINT, ` ${A_PRINT}=`, `256 ${A_PRINT} root@files (ED25519)`]) {
      expect(judge([line], A)).toBe('known');
      expect(judge([line], A, 2222, 'other')).toBe('known');
      expect(judge([line], B)).toBe('unknown');
    }
    expect(parseHostKeys({ host: 'h', port: 22, hostKeys: [A_PRINT] })).toMatchObject({
      isEmpty: false,
      hasFingerprints: true,
      types: new Set(),
    });
  });

  it('is one of several', () => {
    expect(judge([E_PRINT, A_PRINT], A)).toBe('known');
    expect(judge([`${E_PRINT}\n${A_PRINT}\n`], A)).toBe('known');
  });
});

describe('a line of known_hosts', () => {
  it('is for its host, in any case of letters', () => {
    expect(judge([`files.example.com ssh-ed25519 ${A} a comment`], A)).toBe('known');
    expect(judge([`files.example.com ssh-ed25519 ${A}`], A, 22, 'Files.Example.COM')).toBe('known');
    expect(judge([`files.example.com ssh-ed25519 ${A}`], B)).toBe('unknown');
    expect(judge([`other.example.com ssh-ed25519 ${A}`], A)).toBe('unknown');
    expect(judge([`files-example.com ssh-ed25519 ${A}`], A)).toBe('unknown');
  });

  it('has lists, wildcards and exceptions', () => {
    expect(judge([`a.example.com,10.0.0.7,files.example.com ssh-ed25519 ${A}`], A)).toBe('known');
    expect(judge([`*.example.com ssh-ed25519 ${A}`], A)).toBe('known');
    expect(judge([`file?.example.com ssh-ed25519 ${A}`], A)).toBe('known');
    expect(judge([`*.example.com,!files.example.com ssh-ed25519 ${A}`], A)).toBe('unknown');
    expect(judge([`!files.example.com ssh-ed25519 ${A}`], A)).toBe('unknown');
  });

  it('is for a port in brackets; one for the host alone counts when none is for the port', () => {
    expect(judge([`[files.example.com]:2222 ssh-ed25519 ${A}`], A, 2222)).toBe('known');
    expect(judge([`[files.example.com]:2222 ssh-ed25519 ${A}`], A, 2223)).toBe('unknown');
    expect(judge([`[files.example.com]:2222 ssh-ed25519 ${A}`], A)).toBe('unknown');
    expect(judge([`files.example.com ssh-ed25519 ${A}`], A, 2222)).toBe('known');
    const both = [`files.example.com ssh-ed25519 ${A}`, `[files.example.com]:2222 ssh-ed25519 ${B}`];
    expect(judge(both, A, 2222)).toBe('unknown');
    expect(judge(both, B, 2222)).toBe('known');
    expect(judge([`[::1]:2222 ssh-ed25519 ${A}`], A, 2222, '::1')).toBe('known');
  });

  it('is hashed', () => {
    const lines = [`${HASHED_PORT}\n${HASHED_HOST}`];
    expect(judge(lines, A, 2222)).toBe('known');
    expect(judge(lines, B, 2222)).toBe('unknown');
    expect(judge(lines, B)).toBe('known');
    expect(judge(lines, A)).toBe('unknown');
    expect(judge(lines, A, 2222, 'other.example.com')).toBe('unknown');
  });

  it('revokes a key, whatever else knows it', () => {
    const known = [`files.example.com ssh-ed25519 ${A}`, A_PRINT, `ssh-ed25519 ${A}`];
    for (const hosts of ['files.example.com', '*', '[files.example.com]:22,files.example.com']) {
      expect(judge([...known, `@revoked ${hosts} ssh-ed25519 ${A}`], A)).toBe('revoked');
    }
    expect(judge([...known, `@revoked other ssh-ed25519 ${A}`], A)).toBe('known');
    expect(judge([...known, `@revoked files.example.com ssh-ed25519 ${B}`], A)).toBe('known');
    expect(judge([...known, `@revoked files.example.com ssh-ed25519 ${A}`], A, 2222)).toBe('revoked');
  });

  it('says which types of keys are known', () => {
    const hostKeys = [
      `files.example.com ssh-ed25519 ${A}`,
      `other ssh-ed25519 ${B}`,
      `files.* ecdsa-sha2-nistp256 ${E}`,
    ];
    expect(parseHostKeys({ host: 'files.example.com', port: 22, hostKeys }).types).toEqual(
      new Set(['ssh-ed25519', 'ecdsa-sha2-nistp256']),
    );
  });
});

describe('host keys', () => {
  it('may be public keys without a host', () => {
    expect(judge([`ssh-ed25519 ${A} root@files`], A)).toBe('known');
    expect(judge([`ecdsa-sha2-nistp256 ${E}`], E, 2222, 'other')).toBe('known');
    expect(judge([`ssh-ed25519 ${A}`], B)).toBe('unknown');
  });

  it('are none when nothing is about the server', () => {
    const empty = [[], ['', '# a comment', '\n'], [`other ssh-ed25519 ${A}`], [`@cert-authority * ssh-ed25519 ${A}`]];
    for (const hostKeys of empty) {
      const keys = parseHostKeys({ host: 'files.example.com', port: 22, hostKeys });
      expect(keys.isEmpty).toBe(true);
      expect(keys.judge(bytes(A))).toBe('unknown');
    }
  });

  it.each([
    'SHA256:short',
    'MD5:aa:bb:cc:dd',
    'aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99',
    'files.example.com',
    'files.example.com ssh-ed25519',
    'files.example.com ssh-ed25519 AAAA',
    `files.example.com ssh-rsa ${A}`,
    `@unknown files.example.com ssh-ed25519 ${A}`,
    `@revoked ${A}`,
    `ssh-ed25519 ${A.slice(0, 20)}`,
    'yes',
  ])('are refused when a line is none: %s', (line) => {
    expect(() => parseHostKeys({ host: 'h', port: 2222, hostKeys: [`# first\n${line}`] })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        exitCode: 2,
        place: 'sftp://h:2222',
        message: 'line 2 of the host keys is neither SHA256:… nor a line of known_hosts',
      }),
    );
  });
});
