import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backoff, type Clock } from '../../base/clock.js';
import { LakeError, usageError } from '../../base/lake-error.js';
import type { Fingerprint } from '../arrivals/fingerprint.js';
import { type ListedFile, type ListRequest, listTree } from '../arrivals/list-arrivals.js';
import { connectLink, readTarget, type Target } from './connect.js';
import type { SftpConnection } from './connection.js';
import { Download } from './download.js';
import { connectionLost } from './errors.js';
import type { SftpLink } from './link.js';
import { remoteTree } from './remote-tree.js';

export interface SftpDeps {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** Attempt of `backoff` that the waits start from: 0.6 s at most, then twice as long each time. */
const FIRST_WAIT = 6;
const LONGEST_WAIT_MS = 30_000;
/** SFTP tells the time of a change in whole seconds. */
const SECOND_MS = 1000;

function isBroken(error: unknown): boolean {
  return error instanceof LakeError && error.code === 'CONNECTION' && error.retryable;
}

/** A server of files. It connects again when a connection breaks. */
export class SftpSession {
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  /** That of the caller, or the end of the session. */
  readonly #signal: AbortSignal;
  #live: SftpLink | undefined;
  #dialing: Promise<SftpLink> | undefined;
  #isClosed = false;

  private constructor(target: Target, { clock, signal }: SftpDeps) {
    this.#target = target;
    this.#clock = clock;
    this.#signal = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
  }

  static async open(connection: SftpConnection, deps: SftpDeps): Promise<SftpSession> {
    const session = new SftpSession(await readTarget(connection), deps);
    await session.#over(async () => undefined);
    return session;
  }

  /**
   * The files that patterns name below `root`, a folder of the server (absolute, or below that of the login), as `listArrivals` does for local ones.
   * Times of change are the server's, in whole seconds, and are compared with `now`. `location` is the path on the server. Starts again when the
   * connection breaks. Rejects with a usage error when there is no such folder, with code `SOURCE_UNREADABLE` when one cannot be listed, or as `openSftp` does.
   */
  list(request: ListRequest): Promise<readonly ListedFile[]> {
    return this.#over(async (link) => {
      const tree = remoteTree(link, this.#signal);
      const start = request.root.startsWith('/') ? '/' : await tree.realPath('.');
      const root = posix.resolve(start, request.root);
      const place = tree.placeOf(root);
      const kind = (await tree.stat(root))?.kind;
      if (kind !== 'folder') {
        throw usageError(kind === undefined ? `no such folder: ${place}` : `${place} is no folder`, { place });
      }
      const files = await listTree({ ...request, root }, tree);
      return files.map((file) => ({ ...file, origin: tree.placeOf(file.location) }));
    });
  }

  /**
   * Downloads a listed file to `into`, a local path where nothing is yet, hashing while it reads. When the connection breaks, it goes on at the byte where it
   * stopped. `changeKey` is that of the local copy, `modified` that of the server. Nothing is left at `into` when it rejects: with code `SOURCE_CHANGED`
   * (retryable) when the file is not in the state any more that it was listed in, `SOURCE_UNREADABLE` when the server does not give it, `STORAGE` when it
   * cannot be written, or as `openSftp` does.
   */
  async fetch(file: ListedFile, into: string, onBytes?: (bytes: number) => void): Promise<Fingerprint> {
    await this.#secondOver(file);
    const download = await Download.start({ file, into, onBytes });
    try {
      await this.#over((link) => download.run(link));
      return await download.finish();
    } catch (error) {
      await download.discard();
      throw error;
    }
  }

  /** Ends the connection; what is open rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#live?.close();
    this.#stop.abort(connectionLost(this.#target.connection));
  }

  /** A second change within one second would not be seen afterwards: what changed in this second is read in the next. */
  async #secondOver(file: ListedFile): Promise<void> {
    const left = file.modified + SECOND_MS - this.#clock.now();
    if (left > 0 && left <= SECOND_MS) await this.#wait(left);
    this.#signal.throwIfAborted();
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#signal }).catch(() => undefined);
    this.#signal.throwIfAborted();
  }

  /** Runs something on the connection, and again on another one when it breaks. */
  async #over<T>(run: (link: SftpLink) => Promise<T>): Promise<T> {
    const { attempts } = this.#target.connection;
    for (let dialed = 0; ; ) {
      try {
        this.#signal.throwIfAborted();
        if (this.#live?.isAlive !== true) dialed++;
        return await run(await this.#connected());
      } catch (error) {
        this.#signal.throwIfAborted();
        if (this.#isClosed || !isBroken(error) || dialed >= attempts) throw error;
        await this.#wait(backoff(this.#clock, FIRST_WAIT + dialed, LONGEST_WAIT_MS));
      }
    }
  }

  /** The connection that there is, or one new one for all that ask at the same time. */
  async #connected(): Promise<SftpLink> {
    if (this.#live?.isAlive === true) return this.#live;
    this.#dialing ??= connectLink(this.#target, this.#signal).finally(() => {
      this.#dialing = undefined;
    });
    this.#live = await this.#dialing;
    return this.#live;
  }
}

/**
 * Connects to a server of files. Rejects with code `CONNECTION` (exit code 3; retryable unless it cannot help) after as many attempts as the connection allows,
 * `HOST_KEY` when the server shows a key that is not among `hostKeys` (exit code 3; 2 when none is about it), `AUTH` when it refuses the login (3), `USAGE` for a
 * private key or a host key that cannot be read (2), or with the reason of the signal, which ends everything at once.
 */
export function openSftp(connection: SftpConnection, deps: SftpDeps): Promise<SftpSession> {
  return SftpSession.open(connection, deps);
}
