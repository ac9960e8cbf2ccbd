import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { parseRegister } from '../../../src/manifest/registers/register-content.js';
import { RegisterFiles } from '../../../src/manifest/registers/register-files.js';
import { RegisterManager } from '../../../src/manifest/registers/register-manager.js';
import { newRecord } from '../../../src/manifest/registers/register-record.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { randomNumbers } from '../../crash/made-manifests.js';
import { tempFolder } from '../../support/temp-folder.js';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 30);
const SEED = Number(process.env['MODEL_SEED'] ?? 1);
const NAME = 'systems_download.manifest.json';
const WRITERS = 3;
const ADDS = 5;
const POOL = 9;

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const never = new Promise<never>(() => undefined);

/** What happens to a writer: killed at a call; or stopped in the midst of a `put`, which is done when all others are at their end, and then killed. */
interface Fate {
  readonly killAt?: number;
  readonly stopAtPut?: number;
}

/** A folder as one process sees it: others are at work between any two of its calls. */
class ScheduledStore {
  readonly store: ObjectStore;
  readonly #random: () => number;
  readonly #fate: Fate;
  #calls = 0;
  #puts = 0;
  #dead = false;
  #late: (() => Promise<void>) | undefined;
  /** Resolves when the writer is stopped or dead. */
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;

  constructor(folder: string, random: () => number, fate: Fate) {
    this.#random = random;
    this.#fate = fate;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.store = new Proxy(new LocalStore(folder), {
      get: (inner, name: keyof LocalStore) => {
        const value = inner[name] as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#call(name, () => value.apply(inner, args));
      },
    });
  }

  /** Lets the `put` happen that the writer was stopped in. */
  async wakeUp(): Promise<void> {
    await this.#late?.();
  }

  async #call(name: string, work: () => unknown): Promise<unknown> {
    await this.#pause();
    if (name === 'put' && ++this.#puts === this.#fate.stopAtPut) {
      this.#late = async () => void (await work());
      return this.#die();
    }
    const result = await work();
    await this.#pause();
    return result;
  }

  async #pause(): Promise<void> {
    if (this.#dead || ++this.#calls === this.#fate.killAt) return this.#die();
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) await turn();
  }

  #die(): Promise<never> {
    this.#dead = true;
    this.#end();
    return never;
  }
}

const options = (store: ObjectStore, journalLimit: number) => ({
  store,
  name: NAME,
  type: { required: [] },
  etlVersion: '1',
  clock: { ...systemClock, random: () => 0 },
  journalLimit,
  onClose: () => undefined,
});

const time = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

/** The newest time that was acknowledged, by content. */
type Acknowledged = Map<string, string>;

async function write(store: ObjectStore, random: () => number, acknowledged: Acknowledged): Promise<void> {
  const manager = await RegisterManager.open(options(store, 1 + Math.floor(random() * 4)));
  for (let i = 0; i < ADDS; i++) {
    const content = `c${Math.floor(random() * POOL)}`;
    const record = await manager.addFromEvent(
      { source_id: 's', dataset: 'd' },
      {
        sha256: sha(content),
        file_path: content,
        file_size_bytes: 1,
        ts_download_completed: time(Math.floor(random() * 60)),
      },
    );
    const known = acknowledged.get(record.checksum) ?? '';
    if (record.ts_downloaded > known) acknowledged.set(record.checksum, record.ts_downloaded);
  }
}

function missing(acknowledged: Acknowledged, found: ReadonlyMap<string, { readonly ts_downloaded: string }>): string[] {
  return [...acknowledged]
    .filter(([key, newest]) => (found.get(key)?.ts_downloaded ?? '') < newest)
    .map(([key]) => key);
}

const fileOf = (folder: string) => parseRegister(readFileSync(join(folder, NAME))).records;

async function run(
  seed: number,
  fates: readonly Fate[],
): Promise<{ readonly records: number; readonly stale: boolean }> {
  const random = randomNumbers(seed);
  const folder = tempFolder();
  const acknowledged: Acknowledged = new Map();
  const stores = fates.map((fate) => new ScheduledStore(folder, random, fate));
  await Promise.all(stores.map((one) => Promise.race([one.ended, write(one.store, random, acknowledged)])));
  // Nobody was killed: the file itself has everything.
  if (fates.every((fate) => Object.keys(fate).length === 0)) expect(missing(acknowledged, fileOf(folder))).toEqual([]);
  for (const one of stores) await one.wakeUp();
  const stale = missing(acknowledged, fileOf(folder)).length > 0;
  const manager = await RegisterManager.open(options(new LocalStore(folder), 64));
  const found = new Map(manager.records().map((record) => [record.checksum, record]));
  expect(missing(acknowledged, found)).toEqual([]);
  expect(missing(acknowledged, fileOf(folder))).toEqual([]);
  expect([...fileOf(folder).keys()].sort()).toEqual([...found.keys()].sort());
  return { records: found.size, stale };
}

it(`writers at once, in ${RUNS} orders of their calls, lose nothing, and the file has everything`, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const { records } = await run(
      seed,
      Array.from({ length: WRITERS }, () => ({})),
    );
    expect(records, `seed ${seed}`).toBeGreaterThan(3);
  }
});

it(`writers that are killed, or stopped and woken up late, in ${RUNS} orders of their calls, lose nothing`, async () => {
  let stale = 0;
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const random = randomNumbers(seed + 10_000);
    const fates = [{}, { killAt: 1 + Math.floor(random() * 120) }, { stopAtPut: 1 + Math.floor(random() * 5) }];
    const found = await run(seed, fates).catch((error) => {
      throw new Error(`seed ${seed}, ${JSON.stringify(fates)}`, { cause: error });
    });
    if (found.stale) stale++;
  }
  // The late write did put an old file there, or nothing was tried.
  expect(stale).toBeGreaterThan(RUNS / 10);
});

/** What a program without the protocol does: reads the file, changes its metadata, writes it, and what came between is gone. */
async function rewriteFile(store: ObjectStore, random: () => number): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const found = await store.get(NAME).catch(() => undefined);
    if (found === undefined) continue;
    const register = JSON.parse(Buffer.from(found).toString());
    register.metadata.etl_version = `${Math.floor(random() * 2)}`;
    await store.put(NAME, Buffer.from(JSON.stringify(register)));
  }
}

it(`writers beside a program that knows no protocol, in ${RUNS} orders of their calls, lose nothing`, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const random = randomNumbers(seed);
    const folder = tempFolder();
    const acknowledged: Acknowledged = new Map();
    const scheduled = () => new ScheduledStore(folder, random, {}).store;
    const writers = Array.from({ length: WRITERS }, () => write(scheduled(), random, acknowledged));
    await Promise.all([...writers, rewriteFile(scheduled(), random)]);
    const manager = await RegisterManager.open(options(new LocalStore(folder), 64));
    const found = new Map(manager.records().map((record) => [record.checksum, record]));
    expect(missing(acknowledged, found), `seed ${seed}`).toEqual([]);
  }
});

it('two that make the journal one with other metadata leave each other one of both', async () => {
  const folder = tempFolder();
  // Nothing is deleted before both have put what they made.
  let put = 0;
  let go: () => void = () => undefined;
  const bothPut = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slowToDelete = () => {
    const store = new LocalStore(folder);
    store.delete = (path) => {
      if (++put === 2) go();
      return bothPut.then(() => LocalStore.prototype.delete.call(store, path));
    };
    return store;
  };
  const first = new RegisterFiles(slowToDelete(), NAME);
  const second = new RegisterFiles(slowToDelete(), NAME);
  const made = (etl_version: string) => ({
    process: 'download',
    etl_version,
    root_dir: folder,
    total_records: 0,
    ts_created: '2026-01-01T00:00:00Z',
    ts_updated: '2026-01-01T00:00:00Z',
  });
  const record = newRecord({
    source_id: 's',
    dataset: 'd',
    checksum: sha('a'),
    file_path: 'a',
    file_size: 1,
    ts_downloaded: time(0),
  });
  // The same records under two names, read by both, while the file says another thing to each.
  for (const version of ['1', '2']) await first.append(made(version), [record]);
  const views = [];
  for (const [files, version] of [
    [first, '1'],
    [second, '2'],
  ] as const) {
    await new LocalStore(folder).delete(NAME);
    await files.create(made(version));
    const view = await files.read();
    expect(view?.metadata.etl_version).toBe(version);
    views.push(() => files.compact(view!));
  }
  await Promise.all(views.map((compact) => compact()));
  await new LocalStore(folder).delete(NAME);
  expect((await new RegisterFiles(new LocalStore(folder), NAME).read())?.records.size).toBe(1);
});
