import { createHash, createHmac } from 'node:crypto';
import { usageError } from '../../base/lake-error.js';
import { type SftpConnection, sftpPlace } from './connection.js';

/** What the host keys of a source say about a key that a server shows. */
export type HostKeyVerdict = 'known' | 'unknown' | 'revoked';

export interface HostKeys {
  /** Nothing in them is about this server. */
  readonly isEmpty: boolean;
  /** Some are fingerprints, which do not say their type. */
  readonly hasFingerprints: boolean;
  /** Types of the keys that are known: a server that has several should show one of these. */
  readonly types: ReadonlySet<string>;
  readonly judge: (key: Uint8Array) => HostKeyVerdict;
}

interface KnownKey {
  /** Whose key it is; undefined for a bare public key. */
  readonly hosts: string | undefined;
  readonly key: Buffer;
  readonly isRevoked: boolean;
}

interface Lines {
  readonly fingerprints: ReadonlySet<string>;
  readonly keys: readonly KnownKey[];
}

const KEY_TYPE = /^(ssh-|ecdsa-|sk-)/;
/** Alone, or as `ssh-keygen -l` prints it. */
const FINGERPRINT = /^(?:\d+\s+)?SHA256:([A-Za-z0-9+/]{43})=?(?:\s|$)/;

/** A key as `ssh-keygen -l` names it. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a public key in the format of the wire says itself. */
export function keyTypeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const length = bytes.length < 4 ? 0 : bytes.readUInt32BE();
  return bytes.subarray(4, 4 + length).toString('latin1');
}

/** Undefined for a line that is none, null for one that says nothing about keys. */
function parseLine(line: string): KnownKey | string | null | undefined {
  if (line === '' || line.startsWith('#')) return null;
  const fingerprint = FINGERPRINT.exec(line)?.[1];
  if (fingerprint !== undefined) return `SHA256:${fingerprint}`;
  const fields = line.split(/\s+/);
  const marker = line.startsWith('@') ? fields.shift() : undefined;
  // The authority of certificates, which are not looked at.
  if (marker === '@cert-authority') return null;
  const hosts = marker === undefined && KEY_TYPE.test(fields[0] ?? '') ? undefined : fields.shift();
  const [type = '', text = ''] = fields;
  const key = Buffer.from(text, 'base64');
  const isWhole = type !== '' && keyTypeOf(key) === type && key.length > type.length + 4;
  if (!isWhole || (marker !== undefined && marker !== '@revoked')) return undefined;
  return { hosts, key, isRevoked: marker === '@revoked' };
}

function parseLines(connection: Pick<SftpConnection, 'host' | 'port' | 'hostKeys'>): Lines {
  const fingerprints = new Set<string>();
  const keys: KnownKey[] = [];
  for (const [i, text] of connection.hostKeys.flatMap((one) => one.split('\n')).entries()) {
    const line = parseLine(text.trim());
    if (line === undefined) {
      throw usageError(`line ${i + 1} of the host keys is neither SHA256:… nor a line of known_hosts`, {
        place: sftpPlace(connection),
        hint: 'ssh-keyscan HOST | ssh-keygen -lf - prints fingerprints; compare them with what the owner of the server says',
      });
    }
    if (typeof line === 'string') fingerprints.add(line);
    else if (line !== null) keys.push(line);
  }
  return { fingerprints, keys };
}

/** One pattern of a known_hosts line: hashed, or with `*` and `?`. */
function matchesOne(pattern: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(pattern) ?? [];
  if (salt !== undefined && hash !== undefined) {
    const salted = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
    return salted.equals(Buffer.from(hash, 'base64'));
  }
  const source = pattern
    .toLowerCase()
    .replaceAll(/[\\^$.+()[\]{}|/]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su').test(name);
}

function matchesHosts(hosts: string, name: string): boolean {
  const patterns = hosts.split(',').filter((pattern) => pattern !== '');
  const denied = patterns.some((pattern) => pattern.startsWith('!') && matchesOne(pattern.slice(1), name));
  return !denied && patterns.some((pattern) => !pattern.startsWith('!') && matchesOne(pattern, name));
}

/**
 * The host keys of a source, as far as they are about this server: fingerprints, public keys, and lines of known_hosts with lists, wildcards, hashed names,
 * `[host]:port` and `@revoked` (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). A line for the port goes before one for the host alone. Throws a usage error for
 * a line that is none of these.
 */
export function parseHostKeys(connection: Pick<SftpConnection, 'host' | 'port' | 'hostKeys'>): HostKeys {
  const host = connection.host.toLowerCase();
  const names = connection.port === 22 ? [host] : [`[${host}]:${connection.port}`, host];
  const { fingerprints, keys } = parseLines(connection);
  const bare = keys.filter(({ hosts }) => hosts === undefined);
  const byName = names.map((name) => keys.filter(({ hosts }) => hosts !== undefined && matchesHosts(hosts, name)));
  const revoked = byName.flat().filter(({ isRevoked }) => isRevoked);
  const named = byName.map((found) => found.filter(({ isRevoked }) => !isRevoked)).find((found) => found.length > 0);
  const known = [...bare, ...(named ?? [])];
  return {
    isEmpty: known.length === 0 && fingerprints.size === 0,
    hasFingerprints: fingerprints.size > 0,
    types: new Set(known.map(({ key }) => keyTypeOf(key))),
    judge: (shown) => {
      if (revoked.some(({ key }) => key.equals(shown))) return 'revoked';
      return known.some(({ key }) => key.equals(shown)) || fingerprints.has(fingerprintOf(shown)) ? 'known' : 'unknown';
    },
  };
}
