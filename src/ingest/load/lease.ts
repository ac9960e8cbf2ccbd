import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { EXIT, LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';

const FOLDER = '_leases';
const ALIVE_MS = 60_000;
const HEARTBEAT_MS = 10_000;
const FILE = /^(\d{16})\.json$/;

/** Who writes. */
export interface LeaseHolder {
  readonly runId: string;
  readonly pid: number;
  readonly host: string;
  readonly actor: string;
}

/** What stands in the lake about the last writer of a target. */
export interface LeaseState extends LeaseHolder {
  /** `schema.table`. */
  readonly name: string;
  /** Counts the holders of this lease; never used twice. */
  readonly token: number;
  /** Milliseconds since the epoch. */
  readonly acquiredAt: number;
  readonly heartbeatAt: number;
}

export interface LeaseRequest {
  readonly store: ObjectStore;
  /** The target, `schema.table`. */
  readonly name: string;
  readonly holder: LeaseHolder;
  readonly clock: Clock;
  /** Take it even from a run that looks alive. */
  readonly takeOver?: boolean;
  /** Milliseconds between two signs of life; default 10,000. */
  readonly heartbeatMs?: number;
}

/** A lease that this process holds until `release`, or until somebody else took it. */
export interface Lease {
  readonly name: string;
  readonly token: number;
  /** Whether another run took it or somebody broke it; seen with the next sign of life. */
  readonly lost: boolean;
  /** Gives a sign of life now; a timer does so every 10 seconds. */
  renew(): Promise<void>;
  /** Gives it back; what belongs to another run meanwhile stays. */
  release(): Promise<void>;
}

interface Stored extends LeaseState {
  /** Tells holders apart, be they of one run. */
  readonly id: string;
  /** Given back, or broken by hand. */
  readonly released: boolean;
}

function folderOf(name: string): string {
  return `${FOLDER}/${encodeURIComponent(name)}`;
}

function pathOf(name: string, token: number): string {
  return `${folderOf(name)}/${String(token).padStart(16, '0')}.json`;
}

function encode(lease: Stored): Uint8Array {
  const iso = (ms: number) => new Date(ms).toISOString();
  const fields = {
    run_id: lease.runId,
    pid: lease.pid,
    host: lease.host,
    actor: lease.actor,
    acquired_at: iso(lease.acquiredAt),
    heartbeat_at: iso(lease.heartbeatAt),
    token: lease.token,
    id: lease.id,
    released: lease.released,
  };
  return Buffer.from(`${JSON.stringify(fields)}\n`);
}

/** What cannot be read is a lease that nobody holds. */
function decode(name: string, token: number, bytes: Uint8Array): Stored {
  let fields: Record<string, unknown> = {};
  try {
    fields = Object(JSON.parse(Buffer.from(bytes).toString()));
  } catch {}
  const text = (key: string) => (typeof fields[key] === 'string' ? fields[key] : '');
  const time = (key: string) => Date.parse(text(key)) || 0;
  return {
    name,
    token,
    runId: text('run_id'),
    pid: typeof fields['pid'] === 'number' ? fields['pid'] : 0,
    host: text('host'),
    actor: text('actor'),
    acquiredAt: time('acquired_at'),
    heartbeatAt: time('heartbeat_at'),
    id: text('id'),
    released: fields['released'] === true,
  };
}

/** Tokens that are there, the newest last. */
async function tokensOf(store: ObjectStore, name: string): Promise<number[]> {
  const folder = folderOf(name);
  const names = (await store.list(folder)).map((path) => FILE.exec(path.slice(folder.length + 1))?.[1]);
  return names.filter((token) => token !== undefined).map(Number);
}

async function readNewest(store: ObjectStore, name: string): Promise<Stored | undefined> {
  for (;;) {
    const token = (await tokensOf(store, name)).at(-1);
    if (token === undefined) return undefined;
    try {
      return decode(name, token, await store.get(pathOf(name, token)));
    } catch (error) {
      // A newer holder removed it after it was listed.
      if (!(error instanceof LakeError && error.code === 'NOT_FOUND')) throw error;
    }
  }
}

function runs(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the holder of a lease still works, as seen from `host`: it gave a sign of life in the last minute and, on this host, its process is there. */
export function isLeaseAlive(lease: LeaseState, host: string, now: number): boolean {
  return now - lease.heartbeatAt < ALIVE_MS && (lease.host !== host || runs(lease.pid));
}

function lockedError(lease: LeaseState, now: number): LakeError {
  const seconds = (since: number) => `${Math.max(0, Math.round((now - since) / 1000))} s`;
  const who = `process ${lease.pid} on ${lease.host} (run ${lease.runId} by ${lease.actor})`;
  const when = `it started ${seconds(lease.acquiredAt)} ago, last seen ${seconds(lease.heartbeatAt)} ago`;
  return new LakeError('LOCKED', `${lease.name} is being loaded by ${who}: ${when}`, {
    place: lease.name,
    hint: 'wait for it, or --take-over when you know that it is dead',
    retryable: true,
    exitCode: EXIT.locked,
  });
}

class HeldLease implements Lease {
  lost = false;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #timer: NodeJS.Timeout;
  #stored: Stored;
  #last: Promise<unknown> = Promise.resolve();

  constructor(request: LeaseRequest, stored: Stored) {
    this.#store = request.store;
    this.#clock = request.clock;
    this.#stored = stored;
    // A sign of life that could not be written is followed by the next one.
    const beat = () => void this.renew().catch(() => undefined);
    this.#timer = setInterval(beat, request.heartbeatMs ?? HEARTBEAT_MS).unref();
  }

  get name(): string {
    return this.#stored.name;
  }

  get token(): number {
    return this.#stored.token;
  }

  renew(): Promise<void> {
    return this.#write(false);
  }

  release(): Promise<void> {
    clearInterval(this.#timer);
    return this.#write(true);
  }

  /** One write at a time, so that no sign of life comes after the release. */
  #write(released: boolean): Promise<void> {
    const written = this.#last.then(() => this.#writeNow(released));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #writeNow(released: boolean): Promise<void> {
    if (this.lost || this.#stored.released) return;
    const newest = await readNewest(this.#store, this.name);
    if (newest?.id !== this.#stored.id || newest.released) {
      this.lost = true;
      clearInterval(this.#timer);
      return;
    }
    const next = { ...this.#stored, heartbeatAt: this.#clock.now(), released };
    await this.#store.put(pathOf(this.name, this.token), encode(next));
    this.#stored = next;
  }
}

/** Takes the token after that of `newest`; undefined when somebody else was faster. */
async function tryTake(request: LeaseRequest, newest: Stored | undefined): Promise<Lease | undefined> {
  const { store, name, holder, clock } = request;
  const now = clock.now();
  const token = (newest?.token ?? 0) + 1;
  const stored = { ...holder, name, token, acquiredAt: now, heartbeatAt: now, id: randomUUID(), released: false };
  if (!(await store.putIfAbsent(pathOf(name, token), encode(stored)))) return undefined;
  const tokens = await tokensOf(store, name);
  if (tokens.at(-1) !== token) {
    // Others came and went since `newest` was read.
    await store.delete(pathOf(name, token));
    return undefined;
  }
  for (const older of tokens.slice(0, -1)) await store.delete(pathOf(name, older));
  return new HeldLease(request, stored);
}

/**
 * Takes the lease on a target for a run. It is only a kindness: it lets a second run say at once who is at work, where it would lose
 * after all its work otherwise. What is right is decided by the `txn` of the Delta commit alone, with a lease or without.
 *
 * Each holder has a file of its own, `_leases/<target>/<token>.json`, and the highest token counts; the store lets one writer create it.
 * A lease of a dead run (no sign of life for a minute, or no such process on this host) is taken without a word; of a live one, with
 * `takeOver`. Rejects with a `LakeError` of code `LOCKED` (exit code 5) while another run holds it.
 */
export async function acquireLease(request: LeaseRequest): Promise<Lease> {
  for (;;) {
    const newest = await readNewest(request.store, request.name);
    const now = request.clock.now();
    const isFree = newest === undefined || newest.released || !isLeaseAlive(newest, request.holder.host, now);
    if (!isFree && request.takeOver !== true) throw lockedError(newest, now);
    const lease = await tryTake(request, newest);
    if (lease !== undefined) return lease;
  }
}

/** The lease on a target that is held now, by a live run or a dead one; undefined when nobody holds it. */
export async function readLease(store: ObjectStore, name: string): Promise<LeaseState | undefined> {
  const newest = await readNewest(store, name);
  if (newest === undefined || newest.released) return undefined;
  const { id, released, ...state } = newest;
  return state;
}

/** Every lease of a lake that is held, in order of names. */
export async function listLeases(store: ObjectStore): Promise<readonly LeaseState[]> {
  const leases: LeaseState[] = [];
  for (const folder of await store.listFolders(FOLDER)) {
    const lease = await readLease(store, decodeURIComponent(folder));
    if (lease !== undefined) leases.push(lease);
  }
  return leases;
}

/** Takes a lease away from whoever holds it, which sees that with its next sign of life; undefined when nobody held it. */
export async function breakLease(store: ObjectStore, name: string): Promise<LeaseState | undefined> {
  const newest = await readNewest(store, name);
  if (newest === undefined || newest.released) return undefined;
  await store.put(pathOf(name, newest.token), encode({ ...newest, released: true }));
  const { id, released, ...state } = newest;
  return state;
}
