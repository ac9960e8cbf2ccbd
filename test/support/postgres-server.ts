import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  accessSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import pg from 'pg';
import type { PostgresConnection } from '../../src/sources/index.js';

const MAX_LOG = 64 * 1024;
const DEBIAN = '/usr/lib/postgresql';

/** The folder with the programs of the newest PostgreSQL. */
function findPrograms(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why there is no server on this machine; undefined when there is one. In CI a missing one is an error. */
export function postgresMissing(): string | undefined {
  const missing = [...(findPrograms() === undefined ? ['PostgreSQL'] : []), ...(hasOpenssl() ? [] : ['openssl'])];
  if (missing.length === 0) return undefined;
  const reason = `not installed: ${missing.join(', ')} (test/services/setup-postgres.sh)`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`PostgreSQL suites skipped: ${reason}\n`);
  return reason;
}

/** A server refuses to run as root: whom it runs as then. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return { uid: 65_534, gid: 65_534 };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export interface Certificates {
  readonly ca: string;
  /** Of an authority that has signed nothing here. */
  readonly otherCa: string;
  /** Of a client, for the role `certified`. */
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority, a certificate of the server for `localhost` and one of a client, in `folder`. */
function makeCertificates(folder: string): Certificates {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  for (const [name, subject] of [
    ['ca', '/CN=lakeledger test'],
    ['other', '/CN=somebody else'],
  ] as const) {
    openssl('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '30', '-subj', subject);
  }
  for (const [name, subject, extension] of [
    ['server', '/CN=localhost', 'subjectAltName=DNS:localhost'],
    ['client', '/CN=certified', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    writeFileSync(join(folder, `${name}.ext`), `${extension}\n`);
    openssl('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  }
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { ca: read('ca.pem'), otherCa: read('other.pem'), cert: read('client.pem'), key: read('client.key') };
}

const RULES = `
hostssl all certified all cert
hostnossl all secured all reject
host all all all scram-sha-256
`;

const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_wal_size: '4GB',
  max_prepared_transactions: '5',
  listen_addresses: 'localhost',
  unix_socket_directories: '',
  ssl: 'on',
  ssl_cert_file: 'server.pem',
  ssl_key_file: 'server.key',
  ssl_ca_file: 'ca.pem',
};

/** Roles that read: `reader` sees what others are doing, `limited` does not, `secured` must use TLS, `certified` has a certificate instead of a password. */
const ROLES = `
CREATE ROLE reader LOGIN PASSWORD 'reader-secret' IN ROLE pg_read_all_stats;
CREATE ROLE limited LOGIN PASSWORD 'limited-secret';
CREATE ROLE secured LOGIN PASSWORD 'secured-secret';
CREATE ROLE certified LOGIN;
CREATE DATABASE shop;
`;

const GRANTS = 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader, limited, secured, certified';

/** A PostgreSQL of its own on a loopback port, in a temporary folder, with TLS and a database `shop`. */
export class PostgresServer {
  readonly port: number;
  readonly certificates: Certificates;
  /** Of the superuser `postgres`. */
  readonly password: string;
  /** The end of what the server has logged. */
  log = '';
  readonly #folder: string;
  readonly #programs: string;
  readonly #user = serverUser();
  readonly #clients = new Set<pg.Client>();
  #process: ChildProcess | undefined;
  #pool: pg.Client | undefined;

  private constructor(folder: string, facts: { programs: string; port: number; password: string }) {
    this.#folder = folder;
    this.#programs = facts.programs;
    this.port = facts.port;
    this.password = facts.password;
    this.certificates = makeCertificates(folder);
  }

  static async start(): Promise<PostgresServer> {
    const programs = findPrograms();
    if (programs === undefined) throw new Error('PostgreSQL is not installed');
    const password = randomBytes(12).toString('hex');
    const folder = mkdtempSync(join(tmpdir(), 'lakeledger-postgres-'));
    const server = new PostgresServer(folder, { programs, port: await freePort(), password });
    server.#makeCluster();
    await server.restart();
    for (const statement of ROLES.split(';\n').filter((text) => text.trim() !== '')) {
      await server.sql(statement, [], 'postgres');
    }
    await server.sql(GRANTS);
    return server;
  }

  /** The folder of the server's data. */
  get data(): string {
    return join(this.#folder, 'data');
  }

  #makeCluster(): void {
    const password = join(this.#folder, 'password');
    writeFileSync(password, `${this.password}\n`);
    if (this.#user !== undefined) {
      const { uid, gid } = this.#user;
      for (const name of ['.', ...readdirSync(this.#folder)]) chownSync(join(this.#folder, name), uid, gid);
    }
    const args = ['--pgdata', this.data, '--username', 'postgres', '--encoding', 'UTF8', '--locale', 'C', '--no-sync'];
    execFileSync(join(this.#programs, 'initdb'), [...args, '--auth', 'scram-sha-256', '--pwfile', password], {
      ...this.#user,
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (const name of ['server.pem', 'server.key', 'ca.pem']) {
      execFileSync('cp', ['--preserve=ownership', join(this.#folder, name), this.data]);
      execFileSync('chmod', ['600', join(this.data, name)]);
    }
    writeFileSync(join(this.data, 'pg_hba.conf'), RULES);
    const lines = Object.entries(SETTINGS).map(([name, value]) => `${name} = '${value}'\n`);
    writeFileSync(join(this.data, 'postgresql.conf'), lines.join(''), { flag: 'a' });
  }

  /** Starts the server, after it was stopped as well; resolves when it takes connections. */
  async restart(): Promise<void> {
    const child = spawn(join(this.#programs, 'postgres'), ['-D', this.data, '-p', String(this.port)], {
      ...this.#user,
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log = (this.log + text).slice(-MAX_LOG);
    });
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) break;
      const client = this.#newClient('postgres');
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error(`the server does not start: ${this.log}`);
  }

  /** Ends the server: `fast` ends its connections in an orderly way, `kill` does not. */
  async stop(how: 'fast' | 'kill' = 'fast'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    this.#pool = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const closed = once(child, 'close');
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await closed;
  }

  /** Runs a program of PostgreSQL on the data of the stopped server. */
  runOnData(program: string, ...args: string[]): void {
    execFileSync(join(this.#programs, program), ['-D', this.data, ...args], {
      ...this.#user,
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  /** Stops the server and removes its folder. */
  async remove(): Promise<void> {
    await Promise.allSettled([...this.#clients].map((client) => client.end()));
    await this.stop('kill');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #newClient(database: string): pg.Client {
    const client = new pg.Client({
      host: 'localhost',
      port: this.port,
      user: 'postgres',
      password: this.password,
      database,
      ssl: false,
      application_name: 'test',
    });
    client.on('error', () => undefined);
    return client;
  }

  /** A connection as superuser, closed with the server. */
  async client(database = 'shop'): Promise<pg.Client> {
    const client = this.#newClient(database);
    await client.connect();
    this.#clients.add(client);
    return client;
  }

  /** Runs one statement as superuser, with values, or several without; the rows of the last one. */
  async sql(text: string, values: unknown[] = [], database = 'shop'): Promise<Record<string, unknown>[]> {
    const client = database === 'shop' ? await this.#shop() : await this.client(database);
    const result = (await (values.length === 0 ? client.query(text) : client.query(text, values))) as
      | pg.QueryResult
      | pg.QueryResult[];
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
  }

  async #shop(): Promise<pg.Client> {
    this.#pool ??= await this.client();
    return this.#pool;
  }

  /** How a role connects to `shop` without TLS. */
  connection(user = 'reader', more: Partial<PostgresConnection> = {}): PostgresConnection {
    return {
      host: 'localhost',
      port: this.port,
      database: 'shop',
      user,
      password: `${user}-secret`,
      ssl: { mode: 'disable' },
      connectTimeoutMs: 5000,
      statementTimeoutMs: 60_000,
      lockTimeoutMs: 5000,
      idleTimeoutMs: 60_000,
      attempts: 1,
      ...more,
    };
  }

  /** The environment of `psql` for the superuser, and the program; undefined when it is not there. */
  psql(): { readonly program: string; readonly env: NodeJS.ProcessEnv } | undefined {
    const program = join(dirname(this.#programs), 'bin', 'psql');
    try {
      accessSync(program);
    } catch {
      return undefined;
    }
    const env = {
      PGHOST: 'localhost',
      PGPORT: String(this.port),
      PGUSER: 'postgres',
      PGPASSWORD: this.password,
      PGDATABASE: 'shop',
      PGSSLMODE: 'disable',
    };
    return { program, env: { ...process.env, ...env } };
  }
}
