import { z } from 'zod';
import { EXIT, LakeError } from '../../base/lake-error.js';
import type { PostgresConnection, SftpConnection } from '../../sources/index.js';
import { durationMs, durationSchema } from './duration.js';

const text = z.string().trim().min(1, { error: 'must not be empty' });
const port = z.union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}$|\$\{/, { error: 'must be a number' })]);
const secret = text.describe('A reference to an environment variable or a file');
const connectTimeout = durationSchema.describe('Longest wait for a connection (default 10s)');
const attempts = z.int().min(1).max(20).describe('Tries to connect, with growing waits between them (default 3)');

const postgresSchema = z
  .strictObject({
    type: z.literal('postgres'),
    url: text.optional().describe('postgres://user:password@host:port/database, instead of the parts; a reference'),
    host: text.optional().describe('Name or address of the server (default localhost)'),
    port: port.optional().describe('Default 5432'),
    database: text.optional().describe('Name of the database'),
    user: text.optional().describe('Who reads'),
    password: secret.optional(),
    ssl: z
      .enum(['disable', 'require', 'verify-ca', 'verify-full'])
      .optional()
      .describe('TLS (default verify-full; disable for this machine)'),
    ca: text.optional().describe('Certificate of the authority, PEM; a reference to its file'),
    cert: text.optional().describe('Certificate of the client, PEM'),
    key: secret.optional(),
    connect_timeout: connectTimeout.optional(),
    statement_timeout: durationSchema.optional().describe('Longest statement, by the server (default 1h)'),
    lock_timeout: durationSchema.optional().describe('Longest wait for a lock, by the server (default 30s)'),
    idle_timeout: durationSchema.optional().describe('Longest pause in a transaction, by the server (default 10m)'),
    attempts: attempts.optional(),
  })
  .refine((one) => one.url !== undefined || (one.database !== undefined && one.user !== undefined), {
    error: 'needs url, or database and user',
  });

const sftpSchema = z
  .strictObject({
    type: z.literal('sftp'),
    host: text.describe('Name or address of the server'),
    port: port.optional().describe('Default 22'),
    user: text.describe('Who reads'),
    password: secret.optional(),
    private_key: secret.optional().describe('The key itself; a reference to its file'),
    passphrase: secret.optional(),
    host_key: z
      .union([text, z.array(text).min(1)])
      .describe('SHA256:… of the host key, or lines of known_hosts; a reference to that file'),
    root: text.optional().describe('Folder that paths start from (default: that of the login)'),
    connect_timeout: connectTimeout.optional(),
    attempts: attempts.optional(),
  })
  .refine((one) => one.password !== undefined || one.private_key !== undefined, {
    error: 'needs password or private_key',
  });

const connectionSchema = z.discriminatedUnion('type', [postgresSchema, sftpSchema]);

/** `connections:` of the configuration file. */
export const connectionsSchema = z.record(
  z.string().regex(/^[A-Za-z_]\w*$/, { error: 'must be letters, digits and _' }),
  connectionSchema,
);

/** One entry of `connections:` as written. */
export type ConnectionConfig = z.infer<typeof connectionSchema>;

/** A connection with its secrets: it goes to the layer that connects and nowhere else. */
export type ResolvedConnection =
  | { readonly type: 'postgres'; readonly name: string; readonly server: PostgresConnection }
  | { readonly type: 'sftp'; readonly name: string; readonly server: SftpConnection; readonly root: string };

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\]|\/.*)$/;

function refuse(name: string, field: string, message: string): LakeError {
  return new LakeError('CONFIG', `${field} of the connection "${name}" ${message}`, {
    place: `connections.${name}.${field}`,
    exitCode: EXIT.usage,
  });
}

function timeOr(value: string | undefined, other: number): number {
  return value === undefined ? other : durationMs(value);
}

function portOf(name: string, value: string | number | undefined, other: number): number {
  const number = value === undefined || value === '' ? other : Number(value);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw refuse(name, 'port', 'must be a number from 1 to 65535');
}

type Parts = Partial<Record<'host' | 'port' | 'database' | 'user' | 'password' | 'ssl', string | number>>;

/** The parts of a URL. The text of the URL is in no message: it may hold a password. */
function urlParts(name: string, url: string): Parts {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw refuse(name, 'url', 'is no URL like postgres://user@host:5432/database');
  }
  if (!/^postgres(ql)?:$/.test(parsed.protocol)) throw refuse(name, 'url', 'must start with postgres://');
  const of = (key: keyof Parts, text: string) => (text === '' ? {} : { [key]: decodeURIComponent(text) });
  return {
    ...of('host', parsed.hostname.replace(/^\[(.*)\]$/, '$1')),
    ...of('port', parsed.port),
    ...of('database', parsed.pathname.slice(1)),
    ...of('user', parsed.username),
    ...of('password', parsed.password),
    ...of('ssl', parsed.searchParams.get('sslmode') ?? ''),
  };
}

const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;

function sslOf(
  name: string,
  value: Extract<ConnectionConfig, { type: 'postgres' }>,
  { ssl, host }: { readonly ssl: Parts['ssl']; readonly host: string },
) {
  // Within this machine there is nothing to listen to.
  const mode = value.ssl ?? ssl ?? (LOOPBACK.test(host) ? 'disable' : 'verify-full');
  const known = SSL_MODES.find((one) => one === mode);
  if (known === undefined) throw refuse(name, 'ssl', `must be one of ${SSL_MODES.join(', ')}`);
  const { ca, cert, key } = value;
  return {
    mode: known,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function postgresServer(name: string, value: Extract<ConnectionConfig, { type: 'postgres' }>): PostgresConnection {
  const parts = value.url === undefined ? {} : urlParts(name, value.url);
  const host = value.host ?? String(parts.host ?? 'localhost');
  const database = value.database ?? parts.database;
  const user = value.user ?? parts.user;
  const password = value.password ?? parts.password;
  if (database === undefined) throw refuse(name, 'database', 'is missing');
  if (user === undefined) throw refuse(name, 'user', 'is missing');
  return {
    host,
    port: portOf(name, value.port ?? parts.port, 5432),
    database: String(database),
    user: String(user),
    ...(password === undefined ? {} : { password: String(password) }),
    ssl: sslOf(name, value, { ssl: parts.ssl, host }),
    connectTimeoutMs: timeOr(value.connect_timeout, 10_000),
    statementTimeoutMs: timeOr(value.statement_timeout, 3_600_000),
    lockTimeoutMs: timeOr(value.lock_timeout, 30_000),
    idleTimeoutMs: timeOr(value.idle_timeout, 600_000),
    attempts: value.attempts ?? 3,
  };
}

/** Fills the defaults of a connection in. Throws code `CONFIG` (exit code 2) without telling a secret. */
export function resolveConnection(name: string, value: ConnectionConfig): ResolvedConnection {
  if (value.type === 'postgres') return { type: 'postgres', name, server: postgresServer(name, value) };
  const { password, private_key: privateKey, passphrase } = value;
  return {
    type: 'sftp',
    name,
    root: value.root ?? '.',
    server: {
      host: value.host,
      port: portOf(name, value.port, 22),
      user: value.user,
      hostKeys: [value.host_key].flat().flatMap((one) => one.split('\n').filter((line) => line.trim() !== '')),
      connectTimeoutMs: timeOr(value.connect_timeout, 10_000),
      attempts: value.attempts ?? 3,
      ...(password === undefined ? {} : { password }),
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(passphrase === undefined ? {} : { passphrase }),
    },
  };
}
