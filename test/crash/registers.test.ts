import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { LakeError } from '../../src/base/lake-error.js';
import { parseRegister } from '../../src/manifest/registers/register-content.js';
import { RegisterManager } from '../../src/manifest/registers/register-manager.js';
import { scanRegisters } from '../../src/manifest/registers/scan-registers.js';
import { LocalStore } from '../../src/storage/local-store.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { type Fault, FaultyStore, type StorageCall } from '../support/faulty-store.js';
import { tempFolder } from '../support/temp-folder.js';
import { madeSha, randomNumbers } from './made-manifests.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 25);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);
const WRITERS = Number(process.env['CRASH_WRITERS'] ?? 4);
const ADDS = 120;
const NAME = 'systems_download.manifest.json';
const JOURNAL = `.${NAME}.journal`;
const CHILD = fileURLToPath(new URL('registers-child.mjs', import.meta.url));

interface Writer {
  readonly writer: number;
  readonly seed: number;
  /** 0: until it is killed. */
  readonly adds: number;
  readonly journalLimit: number;
}

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stderr: string;
  /** What was acknowledged, whole lines only. */
  readonly checksums: readonly string[];
}

/** Starts a writer; `signal` reaches it, `ended` is what it said. */
function startWriter(folder: string, { writer, seed, adds, journalLimit }: Writer) {
  const child = spawn(process.execPath, [CHILD, folder, ...[writer, seed, adds, journalLimit].map(String)]);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let first: () => void;
  const started = new Promise<void>((resolve) => {
    first = resolve;
  });
  child.stdout.on('data', (bytes: Buffer) => {
    out.push(bytes);
    first();
  });
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      first();
      const checksums = Buffer.concat(out).toString().split('\n').slice(0, -1);
      resolve({ code, signal, stderr: Buffer.concat(err).toString(), checksums });
    });
  });
  return { started, ended, signal: (name: NodeJS.Signals) => child.kill(name) };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const options = (store: ObjectStore, journalLimit = 64) => ({
  store,
  name: NAME,
  type: { required: [] },
  etlVersion: '1.0.0',
  clock: systemClock,
  journalLimit,
  onClose: () => undefined,
});

const open = (folder: string) => RegisterManager.open(options(new LocalStore(folder)));

/** What the file alone says; throws when it is not whole. */
function fileChecksums(folder: string): Set<string> {
  const { metadata, records } = parseRegister(readFileSync(join(folder, NAME)));
  expect(metadata.total_records).toBe(records.size);
  return new Set(records.keys());
}

/** Reads the file again and again until it is told to stop; says how often. */
function watch(folder: string): () => Promise<number> {
  let stop = false;
  let reads = 0;
  const watching = (async () => {
    for (; !stop; await wait(3)) {
      if (!existsSync(join(folder, NAME))) continue;
      fileChecksums(folder);
      reads += 1;
    }
  })();
  // Its failure is thrown when it is stopped.
  watching.catch(() => undefined);
  return async () => {
    stop = true;
    await watching;
    return reads;
  };
}

it(`${WRITERS} processes that add ${ADDS} records each at once lose none`, async () => {
  const folder = tempFolder();
  const stop = watch(folder);
  const started = Date.now();
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    startWriter(folder, { writer, seed: SEED, adds: ADDS, journalLimit: [4, 16, 64, 64][writer] ?? 64 }),
  );
  const done = await Promise.all(writers.map(({ ended }) => ended));
  const seconds = (Date.now() - started) / 1000;
  for (const one of done) expect(one, one.stderr).toMatchObject({ code: 0, stderr: '' });
  const acknowledged = new Set(done.flatMap(({ checksums }) => checksums));
  expect(acknowledged.size).toBe((WRITERS * ADDS * 3) / 4 + ADDS / 4);
  // Nobody opened it since.
  expect(fileChecksums(folder)).toEqual(acknowledged);
  expect((await scanRegisters(new LocalStore(folder))).files).toMatchObject([
    { state: 'healthy', records: acknowledged.size, pending: 0, total_mismatch: false },
  ]);
  expect(readdirSync(join(folder, JOURNAL)).length).toBeLessThan(64);
  console.log(`${WRITERS} × ${ADDS} adds in ${seconds.toFixed(1)} s, ${await stop()} reads of a whole file meanwhile`);
});

it(`what was acknowledged is there after each of ${KILLS} kills`, async () => {
  const folder = tempFolder();
  const random = randomNumbers(SEED);
  const acknowledged = new Set<string>();
  let kills = 0;
  let behind = 0;
  for (let n = 0; kills < KILLS; n++) {
    const writers = [0, 1].map((writer) => startWriter(folder, { writer, seed: 1000 + n, adds: 0, journalLimit: 3 }));
    const done = await Promise.all(
      writers.map(async ({ started, ended, signal }) => {
        // Some are killed while they start.
        if (random() < 0.8) await started;
        await wait(random() * 150);
        signal('SIGKILL');
        return ended;
      }),
    );
    for (const one of done) {
      expect(one, one.stderr).toMatchObject({ signal: 'SIGKILL', stderr: '' });
      kills += 1;
      for (const checksum of one.checksums) acknowledged.add(checksum);
    }
    // The file is whole, if it is there; it may lack what the last one was about to put there.
    const file = existsSync(join(folder, NAME)) ? fileChecksums(folder) : new Set<string>();
    if ([...acknowledged].some((checksum) => !file.has(checksum))) behind += 1;
    const manager = await open(folder);
    expect([...acknowledged].filter((checksum) => !manager.hasChecksum(checksum))).toEqual([]);
    expect([...acknowledged].filter((checksum) => !fileChecksums(folder).has(checksum))).toEqual([]);
    // At most what was being added when the kill came was never acknowledged.
    expect(manager.metadata.total_records).toBeLessThanOrEqual(acknowledged.size + kills);
  }
  expect(acknowledged.size).toBeGreaterThan(KILLS);
  const temporary = readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.tmp'));
  console.log(
    `${kills} kills, ${acknowledged.size} records, the file was behind ${behind} times, ${temporary.length} temporary files left`,
  );
});

it('a process that sleeps while others write takes nothing away when it wakes up', async () => {
  const folder = tempFolder();
  const random = randomNumbers(SEED);
  const sleeper = startWriter(folder, { writer: 0, seed: SEED, adds: 0, journalLimit: 3 });
  await sleeper.started;
  const acknowledged: string[] = [];
  for (let round = 0; round < 8; round++) {
    await wait(random() * 30);
    sleeper.signal('SIGSTOP');
    const other = await startWriter(folder, { writer: 1, seed: round, adds: 8, journalLimit: 3 }).ended;
    expect(other, other.stderr).toMatchObject({ code: 0, stderr: '' });
    acknowledged.push(...other.checksums);
    sleeper.signal('SIGCONT');
  }
  await wait(50);
  sleeper.signal('SIGKILL');
  acknowledged.push(...(await sleeper.ended).checksums);
  const manager = await open(folder);
  expect(acknowledged.filter((checksum) => !manager.hasChecksum(checksum))).toEqual([]);
  expect(acknowledged.filter((checksum) => !fileChecksums(folder).has(checksum))).toEqual([]);
});

interface Operation {
  readonly name: string;
  /** Records that are there before. */
  readonly before: number;
  /** Damages what is there. */
  readonly damage?: (folder: string) => void;
  /** Says which records were acknowledged. */
  readonly run: (store: ObjectStore, told: (checksum: string) => void) => Promise<void>;
}

const sha = (n: number) => madeSha('register-', n);

async function add(manager: RegisterManager, n: number): Promise<string> {
  const { checksum } = await manager.addFromEvent(
    { source_id: 's', dataset: 'd', state: null },
    { sha256: sha(n), file_path: `f/${n}`, file_size_bytes: 1 + n, ts_download_completed: new Date(n) },
  );
  return checksum;
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'making a register and adding to it',
    before: 0,
    run: async (store, told) => told(await add(await RegisterManager.open(options(store)), 100)),
  },
  {
    name: 'adding, one after another, with the journal made one',
    before: 3,
    run: async (store, told) => {
      const manager = await RegisterManager.open(options(store, 3));
      for (const n of [100, 101, 102]) told(await add(manager, n));
    },
  },
  {
    name: 'adding many at once',
    before: 2,
    run: async (store, told) => {
      const manager = await RegisterManager.open(options(store, 2));
      await Promise.all([100, 101, 102].map(async (n) => told(await add(manager, n))));
    },
  },
  {
    name: 'update and save',
    before: 2,
    run: async (store, told) => {
      const manager = await RegisterManager.open(options(store));
      const { checksum: _, ...known } = manager.records()[0]!;
      const { record } = await manager.update(sha(0), {
        ...known,
        file_path: 'moved',
        ts_downloaded: '2026-01-01T00:00:00Z',
      });
      told(record.checksum);
      await manager.save();
    },
  },
  {
    name: 'completing a file that is gone',
    before: 4,
    damage: (folder) => rmSync(join(folder, NAME)),
    run: async (store) => void (await RegisterManager.open(options(store, 2))),
  },
  {
    name: 'refusing a file that is corrupt',
    before: 4,
    damage: (folder) => writeFileSync(join(folder, NAME), '{"metadata": {'),
    run: async (store) => {
      await expect(RegisterManager.open(options(store))).rejects.toMatchObject({ code: 'REGISTER_CORRUPT' });
    },
  },
];

function faultsOf(calls: readonly StorageCall[]): Fault[] {
  const kinds = (call: StorageCall) =>
    call.changes
      ? (['before', 'during', 'after', 'once-before', 'once-after'] as const)
      : (['before', 'once-before'] as const);
  return calls.flatMap((call, i) => kinds(call).map((kind) => ({ call: i + 1, kind })));
}

describe('a stop at every storage call', () => {
  it.each(OPERATIONS)('$name: nothing is lost, the file is whole', async ({ before, damage, run }) => {
    const root = tempFolder();
    const base = join(root, 'base');
    const first = await RegisterManager.open(options(new LocalStore(base)));
    for (let n = 0; n < before; n++) await add(first, n);
    if (before === 0) rmSync(base, { recursive: true });
    mkdirSync(base, { recursive: true });
    damage?.(base);
    const copy = (name: string): string => {
      const folder = join(root, name);
      cpSync(base, folder, { recursive: true, preserveTimestamps: true });
      return folder;
    };
    const clean = copy('clean');
    const store = new FaultyStore(clean);
    await run(store, () => undefined);
    const isCorrupt = damage !== undefined && existsSync(join(base, NAME));
    for (const fault of faultsOf(store.calls)) {
      const folder = copy(`${fault.kind}-${fault.call}`);
      const faulty = new FaultyStore(folder, fault);
      const told = new Set(Array.from({ length: before }, (_, n) => sha(n)));
      const place = `${fault.kind} call ${fault.call}, ${JSON.stringify(store.calls[fault.call - 1])}`;
      try {
        await run(faulty, (checksum) => told.add(checksum)).catch((error) => {
          // The refusal of a corrupt register is told even when its copy could not be made.
          if (!isCorrupt) expect(error).toBeInstanceOf(LakeError);
        });
        if (isCorrupt) {
          expect(readFileSync(join(folder, NAME), 'utf8')).toBe('{"metadata": {');
          await expect(open(folder)).rejects.toMatchObject({ code: 'REGISTER_CORRUPT' });
          const aside = readdirSync(folder).filter((name) => name.startsWith(`${NAME}.corrupt-`));
          expect(aside.map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(['{"metadata": {']);
          rmSync(join(folder, NAME));
        } else if (existsSync(join(folder, NAME))) fileChecksums(folder);
        const manager = await open(folder);
        expect([...told].filter((checksum) => !manager.hasChecksum(checksum))).toEqual([]);
        expect(fileChecksums(folder)).toEqual(new Set(manager.records().map(({ checksum }) => checksum)));
        await add(manager, 999);
        expect(fileChecksums(folder)).toContain(sha(999));
      } catch (error) {
        throw new Error(place, { cause: error });
      }
      rmSync(folder, { recursive: true });
    }
    console.log(`${store.calls.length} calls`);
  });
});
