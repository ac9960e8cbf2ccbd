import type { Socket } from 'node:net';
import type { Client, FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import { type SftpConnection, sftpPlace } from './connection.js';
import { connectionLost, STATUS, statusOf, wentSilent } from './errors.js';

type Done<T> = (error: Error | null | undefined, value: T) => void;

/** What a link is made of; all three are connected. */
export interface LinkParts {
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  readonly socket: Socket;
}

const CLOSE_MS = 1000;
const GRACE_MS = 100;

/**
 * One connection to a server and the requests that go over it. When it breaks, is silent for too long or is given up, every open request rejects at once with
 * the same error (code `CONNECTION`, or the reason of the signal), and so does every later one. An answer that says no rejects with the error of ssh2, which has a status.
 */
export class SftpLink {
  readonly #server: SftpConnection;
  readonly #parts: LinkParts;
  readonly #open = new Set<(error: unknown) => void>();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#break(this.#signal?.reason);
  #over: { readonly why: unknown } | undefined;
  #cause: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: SftpConnection, parts: LinkParts, signal: AbortSignal | undefined) {
    this.#server = server;
    this.#parts = parts;
    this.#signal = signal;
    const { client, sftp, socket } = parts;
    const lost = () => this.#break(connectionLost(server, this.#cause));
    client.on('error', (error) => {
      this.#cause ??= error;
    });
    client.on('close', lost);
    sftp.on('error', (error: Error) => {
      this.#cause ??= error;
      lost();
    });
    sftp.on('close', lost);
    socket.on('data', () => this.#timer?.refresh());
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
    else if (socket.destroyed) lost();
  }

  get isAlive(): boolean {
    return this.#over === undefined;
  }

  /** The place of a path on this server. */
  place(path: string): string {
    return sftpPlace(this.#server, path);
  }

  stat(path: string): Promise<Stats> {
    return this.#ask((sftp, done) => sftp.stat(path, done));
  }

  /** Of what is in a folder itself, without `.` and `..`: links are not followed. */
  readFolder(path: string): Promise<readonly FileEntryWithStats[]> {
    return this.#ask((sftp, done) => sftp.readdir(path, done));
  }

  realPath(path: string): Promise<string> {
    return this.#ask((sftp, done) => sftp.realpath(path, done));
  }

  open(path: string): Promise<Buffer> {
    return this.#ask((sftp, done) => sftp.open(path, 'r', done));
  }

  statHandle(handle: Buffer): Promise<Stats> {
    return this.#ask((sftp, done) => sftp.fstat(handle, done));
  }

  /** Fills as much of `buffer` as there is from `position` on; returns how many bytes. */
  read(handle: Buffer, buffer: Buffer, position: number): Promise<number> {
    return this.#ask((sftp, done) => sftp.read(handle, buffer, 0, buffer.length, position, done));
  }

  /** Never rejects: what is open is closed with the connection at the latest. */
  async closeHandle(handle: Buffer): Promise<void> {
    await this.#ask((sftp, done) => sftp.close(handle, (error) => done(error, undefined))).catch(() => undefined);
  }

  /** Says goodbye and waits until the connection is closed; requests that are open reject. */
  async close(): Promise<void> {
    const { client, socket } = this.#parts;
    if (socket.destroyed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    this.#finish(connectionLost(this.#server));
    client.end();
    const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  #ask<T>(send: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) {
        reject(this.#over.why);
        return;
      }
      this.#open.add(reject);
      this.#timer ??= setTimeout(() => this.#onSilence(), this.#server.connectTimeoutMs);
      send(this.#parts.sftp, (error, value) => {
        this.#open.delete(reject);
        if (this.#open.size === 0) this.#stopTimer();
        if (!error) resolve(value);
        else if (isAnswer(error)) reject(error);
        else {
          this.#break(connectionLost(this.#server, this.#cause));
          reject(this.#over?.why);
        }
      });
    });
  }

  /** Data may have come while the process was busy: it gets the time to be read before this is believed. */
  #onSilence(): void {
    const timer = this.#timer;
    const { bytesRead } = this.#parts.socket;
    setTimeout(() => {
      if (this.#timer !== timer || this.#parts.socket.bytesRead !== bytesRead) return;
      this.#break(wentSilent(this.#server, this.#server.connectTimeoutMs));
    }, GRACE_MS);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #break(why: unknown): void {
    this.#finish(why);
    this.#parts.socket.destroy();
  }

  #finish(why: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { why };
    this.#stopTimer();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    for (const reject of this.#open) reject(why);
    this.#open.clear();
  }
}

/** Whether the server has answered, as opposed to a connection that is over. */
function isAnswer(error: unknown): boolean {
  const status = statusOf(error);
  return status !== undefined && status !== STATUS.noConnection && status !== STATUS.connectionLost;
}
