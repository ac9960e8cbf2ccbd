import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { type Fingerprint, type ListedFile, openSftp, readFingerprint, type SftpSession } from '../../sources/index.js';
import type { ResolvedConnection } from '../config/connection-schema.js';
import type { ResolvedSource } from '../config/source-config.js';
import { listSource } from './list-source.js';

/** A file that is on this machine, with what its bytes are. */
export interface ReadFile {
  readonly file: ListedFile;
  readonly fingerprint: Fingerprint;
}

/** The files of a source, wherever they are. */
export interface FileAccess {
  /** Whether reading a file means to bring it here: what is known is not read again then. */
  readonly remote: boolean;
  /** The files that are there; `now` in milliseconds since the epoch. Rejects when they cannot be listed. */
  list(now: number): Promise<readonly ListedFile[]>;
  /** Brings a file here if it is not, and reads its bytes. Rejects with a `LakeError` when that cannot be done. */
  read(file: ListedFile): Promise<ReadFile>;
  /** Closes connections and removes what was brought here. */
  close(): Promise<void>;
}

interface AccessDeps {
  readonly clock: Clock;
  /** A folder for temporary files, on local disk. */
  readonly scratch: string;
  readonly signal?: AbortSignal;
}

function localFiles(source: ResolvedSource): FileAccess {
  return {
    remote: false,
    list: (now) => listSource(source, now),
    read: async (file) => ({ file, fingerprint: await readFingerprint(file.location) }),
    close: async () => undefined,
  };
}

/** Files of an SFTP server; each is fetched once as long as it looks the same there. */
class SftpFiles implements FileAccess {
  readonly remote = true;
  readonly #source: ResolvedSource;
  readonly #connection: Extract<ResolvedConnection, { type: 'sftp' }>;
  readonly #deps: AccessDeps;
  readonly #fetched = new Map<string, ReadFile>();
  #session: SftpSession | undefined;
  #folder: string | undefined;

  constructor(source: ResolvedSource, connection: Extract<ResolvedConnection, { type: 'sftp' }>, deps: AccessDeps) {
    this.#source = source;
    this.#connection = connection;
    this.#deps = deps;
  }

  async list(now: number): Promise<readonly ListedFile[]> {
    const { patterns, root, exclude, arrival, order, businessDate } = this.#source;
    const session = await this.#open();
    return session.list({
      patterns,
      root,
      exclude,
      arrival,
      order,
      now,
      ...(businessDate === undefined ? {} : { businessDate }),
    });
  }

  async read(file: ListedFile): Promise<ReadFile> {
    const key = JSON.stringify([file.path, file.size, file.modified]);
    const known = this.#fetched.get(key);
    if (known !== undefined) return known;
    const session = await this.#open();
    this.#folder ??= await mkdtemp(join(this.#deps.scratch, 'fetched-'));
    const location = join(this.#folder, String(this.#fetched.size));
    const fingerprint = await session.fetch(file, location);
    const found = { file: { ...file, location, origin: file.origin ?? file.location }, fingerprint };
    this.#fetched.set(key, found);
    return found;
  }

  async close(): Promise<void> {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    await this.#session?.close();
  }

  async #open(): Promise<SftpSession> {
    const { clock, signal } = this.#deps;
    this.#session ??= await openSftp(this.#connection.server, { clock, ...(signal === undefined ? {} : { signal }) });
    return this.#session;
  }
}

/** Opens the files of a source; nothing is connected to before they are asked for. */
export function openFiles(source: ResolvedSource, deps: AccessDeps): FileAccess {
  return source.connection?.type === 'sftp' ? new SftpFiles(source, source.connection, deps) : localFiles(source);
}
