import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { SftpConnection } from '../../src/sources/index.js';

const SSHD = '/usr/sbin/sshd';
const HOST = '127.0.0.1';
const PASSPHRASE = 'a phrase, with "quotes"';
const KEYS = { ed25519: ['-t', 'ed25519'], rsa: ['-t', 'rsa', '-b', '2048'], ecdsa: ['-t', 'ecdsa'] } as const;

type KeyType = keyof typeof KEYS;

/** Why there can be no server on this machine; undefined when there can be one. */
export function sftpServerMissing(): string | undefined {
  if (!existsSync(SSHD)) return `there is no ${SSHD}: run test/services/setup-sftp.sh`;
  try {
    runTool('ssh-keygen', ['-?']);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no ssh-keygen';
  }
  return undefined;
}

/** Runs a program of the system; returns what it prints. */
export function runTool(program: string, args: readonly string[], input = ''): string {
  return execFileSync(program, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
}

/** A suite that needs such a server. Without one it is skipped with the reason, and fails where CI runs. */
export function describeSftp(name: string, body: () => void): void {
  const missing = sftpServerMissing();
  if (missing === undefined) describe(name, body);
  else if (process.env['CI'] === 'true') {
    describe(name, () => {
      it('has its server', () => {
        throw new Error(missing);
      });
    });
  } else {
    console.warn(`skipped: ${name}: ${missing}`);
    describe.skip(name, body);
  }
}

/** Why nobody can log in with a password, and no file can be out of reach; undefined when that can be had. */
export function loginUserMissing(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'only root can make a user that has a password';
}

export interface SftpServerOptions {
  /** Default `ed25519`. */
  readonly hostKeys?: readonly KeyType[];
  /** More lines for its configuration, before the others. */
  readonly config?: readonly string[];
}

/** A private OpenSSH server on a free port of the loopback address, with a folder, keys and a user of its own. */
export class SftpServer {
  readonly port: number;
  readonly user: string;
  /** Undefined when it could not be set. */
  readonly password: string | undefined;
  /** Where files are put that it serves. */
  readonly root: string;
  readonly passphrase = PASSPHRASE;
  readonly #home: string;
  readonly #hostKeys: readonly KeyType[];
  #process: ReturnType<typeof spawn> | undefined;

  private constructor(home: string, port: number, options: SftpServerOptions) {
    this.#home = home;
    this.port = port;
    this.#hostKeys = options.hostKeys ?? ['ed25519'];
    this.root = join(home, 'files');
    const made = loginUserMissing() === undefined ? makeUser(home) : undefined;
    this.user = made?.user ?? userInfo().username;
    this.password = made?.password;
    mkdirSync(this.root);
    for (const type of this.#hostKeys) makeKey(join(home, `host_${type}`), type);
    for (const type of ['ed25519', 'rsa'] as const) makeKey(join(home, type), type);
    makeKey(join(home, 'encrypted'), 'ed25519', PASSPHRASE);
    makeKey(join(home, 'stranger'), 'ed25519');
    const authorized = ['ed25519', 'rsa', 'encrypted'].map((name) => readFileSync(join(home, `${name}.pub`), 'utf8'));
    writeFileSync(join(home, 'authorized_keys'), authorized.join(''));
    writeFileSync(join(home, 'sshd_config'), this.#config(options.config ?? []));
  }

  static async start(options: SftpServerOptions = {}): Promise<SftpServer> {
    const home = mkdtempSync(join(tmpdir(), 'lakeledger-sshd-'));
    // The user that logs in must get to the files.
    chmodSync(home, 0o755);
    const server = new SftpServer(home, await freePort(), options);
    await server.restart();
    return server;
  }

  /** Its private key of a name: `ed25519`, `rsa`, `encrypted` with `passphrase`, and `stranger`, which nobody knows. */
  key(name: 'ed25519' | 'rsa' | 'encrypted' | 'stranger'): string {
    return readFileSync(join(this.#home, name), 'utf8');
  }

  /** Its host key as a line without host: `ssh-ed25519 AAAA…`. */
  hostKey(type: KeyType = 'ed25519'): string {
    return readFileSync(join(this.#home, `host_${type}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }

  fingerprint(type: KeyType = 'ed25519'): string {
    const printed = runTool('ssh-keygen', ['-l', '-f', join(this.#home, `host_${type}.pub`)]);
    return printed.split(' ')[1] ?? '';
  }

  /** A login with the key that the server knows, to its port or that of a proxy. */
  connection(rest: Partial<SftpConnection> = {}): SftpConnection {
    return {
      host: HOST,
      port: this.port,
      user: this.user,
      privateKey: this.key('ed25519'),
      hostKeys: [this.fingerprint()],
      connectTimeoutMs: 20_000,
      attempts: 1,
      ...rest,
    };
  }

  /** What it has written about logins. */
  log(): string {
    return readFileSync(join(this.#home, 'log'), 'utf8');
  }

  async restart(): Promise<void> {
    // Where sshd keeps what it does not trust itself with.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const log = join(this.#home, 'log');
    const child = spawn(SSHD, ['-D', '-f', join(this.#home, 'sshd_config'), '-E', log], { stdio: 'ignore' });
    this.#process = child;
    let isOver = false;
    child.once('exit', () => {
      isOver = true;
    });
    while (!(await answers(this.port))) {
      if (isOver) throw new Error(`sshd does not start:\n${readFileSync(log, 'utf8')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends the server and every login, as when the machine loses power. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const over = new Promise((resolve) => child.once('exit', resolve));
    for (const pid of [...descendants(child.pid), child.pid]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await over;
  }

  /** Stops the processes of the logins where they are; the other side hears nothing any more. Returns what lets them go on. */
  freeze(): () => void {
    const pids = descendants(this.#process?.pid ?? 0);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    return () => {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    };
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.password !== undefined) runTool('userdel', [this.user]);
    rmSync(this.#home, { recursive: true, force: true });
  }

  #config(more: readonly string[]): string {
    const lines = [
      ...more,
      ...this.#hostKeys.map((type) => `HostKey ${join(this.#home, `host_${type}`)}`),
      `Port ${this.port}`,
      `ListenAddress ${HOST}`,
      `PidFile ${join(this.#home, 'pid')}`,
      `AuthorizedKeysFile ${join(this.#home, 'authorized_keys')}`,
      `AllowUsers ${this.user}`,
      'UsePAM no',
      'StrictModes no',
      'UseDNS no',
      'PasswordAuthentication yes',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100',
      'LogLevel VERBOSE',
      'Subsystem sftp internal-sftp',
      `ForceCommand internal-sftp -d ${this.root}`,
    ];
    return `${lines.join('\n')}\n`;
  }
}

function makeKey(file: string, type: KeyType, passphrase = ''): void {
  runTool('ssh-keygen', ['-q', ...KEYS[type], '-N', passphrase, '-C', '', '-f', file]);
}

let users = 0;

/** A user of the system that exists as long as its server; those of processes that were killed are removed. */
function makeUser(home: string): { readonly user: string; readonly password: string } {
  const prefix = 'lakeledger-t';
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [, user, pid] = new RegExp(`^(${prefix}(\\d+)-\\d+):`).exec(line) ?? [];
    if (user !== undefined && !existsSync(`/proc/${pid}`)) runTool('userdel', [user]);
  }
  const user = `${prefix}${process.pid}-${users++}`;
  const password = `pass wörd ${process.pid}`;
  const hash = runTool('openssl', ['passwd', '-6', '-stdin'], password).trim();
  const where = ['--no-create-home', '--home-dir', home, '--shell', '/bin/sh'];
  runTool('useradd', ['--password', hash, ...where, user]);
  return { user, password };
}

/** The processes that a process has started, and those that these have, youngest first. */
function descendants(pid: number): number[] {
  const all = runTool('ps', ['-A', '-o', 'pid=,ppid='])
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    all.flatMap(([child = 0, of]) => (of === parent ? [...below(child), child] : []));
  return below(pid);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
