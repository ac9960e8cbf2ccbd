import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { type CliResult, runCli } from '../crash/cli.js';
import type { PostgresServer } from './postgres-server.js';
import type { SftpServer } from './sftp-server.js';
import { tempFolder } from './temp-folder.js';

/** A connection as the configuration has it; what is secret is in files beside it. */
type WrittenConnection = Readonly<Record<string, unknown>>;

/** What a configuration is made of. */
export interface ServiceConfig {
  readonly connections: Readonly<Record<string, WrittenConnection>>;
  readonly sources: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Writes `lakeledger.yaml` and the secrets of the servers into a folder, which is made. */
export function writeConfig(folder: string, { connections, sources, more = {} }: ServiceConfig): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'lakeledger.yaml'), stringify({ ...more, connections, sources }));
}

/** The connection to a database, to its port or that of a proxy. */
export function shopConnection(folder: string, server: PostgresServer, port = server.port): WrittenConnection {
  const { host, database, user, password } = server.connection();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'shop-password'), `${password}\n`);
  return {
    type: 'postgres',
    host,
    port,
    database,
    user,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
    password: '${file:shop-password}',
    connect_timeout: '5s',
    attempts: 1,
  };
}

/** The connection to a server of files, to its port or that of a proxy; paths start at a folder of the server. */
export function partnerConnection(
  folder: string,
  server: SftpServer,
  at: { readonly root: string; readonly port?: number },
): WrittenConnection {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'partner-key'), server.key('ed25519'), { mode: 0o600 });
  return {
    type: 'sftp',
    host: '127.0.0.1',
    port: at.port ?? server.port,
    user: server.user,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration
    private_key: '${file:partner-key}',
    host_key: server.fingerprint(),
    root: at.root,
    connect_timeout: '5s',
    attempts: 1,
  };
}

/** Puts a file below a folder. */
export function deliver(folder: string, name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Until the test is over, temporary files go into a folder that goes with it: killed processes leave some. */
export function ownScratch(): void {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = tempFolder();
  onTestFinished(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
}

export interface Kills {
  /** How many there are to be. */
  readonly wanted: number;
  readonly random: () => number;
  /** So far. */
  kills: number;
  /** Runs that were done before their kill. */
  ended: number;
  /** How long the last run took that nobody killed, in milliseconds. */
  duration: number;
}

/** Runs a command a few times and kills it at some moment each time; stops early when one was done before its kill. */
export async function killSome(folder: string, args: readonly string[], state: Kills): Promise<void> {
  for (let tries = 1 + Math.floor(state.random() * 4); tries > 0 && state.kills < state.wanted; tries--) {
    const killAfter = 150 + state.random() * state.duration;
    const { signal } = await runCli(args, { cwd: folder, killAfter });
    if (signal === 'SIGKILL') state.kills++;
    else {
      state.ended++;
      return;
    }
  }
}

/** Runs a command to its end. */
export async function runToEnd(folder: string, args: readonly string[], state: Kills): Promise<CliResult> {
  const started = Date.now();
  const result = await runCli(args, { cwd: folder });
  state.duration = Date.now() - started;
  return result;
}
