import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { LakeError } from '../../src/base/lake-error.js';
import type { DeltaTable, Snapshot } from '../../src/delta/index.js';
import { vectorPlace } from '../../src/delta/protocol/deletion-vector.js';
import { decodePath } from '../../src/delta/protocol/paths.js';
import { Session } from '../../src/duckdb/session.js';
import { columns, sql, tableIn } from '../support/delta.js';
import { type Fault, type FaultKind, FaultyStore, type StorageCall } from '../support/faulty-store.js';
import { tempFolder } from '../support/temp-folder.js';

/** Also where two stops cannot differ. */
const ALL = process.env['CRASH_ALL_STOPS'] !== undefined;

type Properties = Readonly<Record<string, string>>;

interface Operation {
  readonly name: string;
  readonly properties?: Properties;
  readonly partitioned?: boolean;
  /** Before the operation, on a store that does not fail. */
  readonly prepare?: (table: DeltaTable) => Promise<unknown>;
  readonly run: (table: DeltaTable) => Promise<unknown>;
}

const VECTORS = { 'delta.enableDeletionVectors': 'true' };
const CHANGES = { 'delta.enableChangeDataFeed': 'true' };
const V2 = { 'delta.checkpointPolicy': 'v2' };
const STAMPED = { 'delta.enableInCommitTimestamps': 'true' };
const MAPPED = { 'delta.columnMapping.mode': 'name' };

const rowsFrom = (from: number, to: number) =>
  sql(`SELECT range AS id, range * 10 AS v, 'p' || range % 3 AS p FROM range(${from}, ${to})`);

const merge = (table: DeltaTable) =>
  table.mergeInto({
    source: rowsFrom(8, 24),
    on: 'target.id = source.id',
    whenMatched: [{ and: 'source.id % 2 = 0', delete: true }, { update: { v: 'source.v + 1' } }],
    whenNotMatched: [{ insert: '*' }],
    whenNotMatchedBySource: [{ and: 'target.id < 2', delete: true }],
  });

const later = { ...systemClock, now: () => Date.now() + 40 * 86_400_000 };

const OPERATIONS: readonly Operation[] = [
  { name: 'append', run: (table) => table.append(rowsFrom(20, 25)) },
  { name: 'append to partitions', partitioned: true, run: (table) => table.append(rowsFrom(20, 25)) },
  {
    name: 'append once by its txn, with a new column',
    properties: { ...MAPPED, ...STAMPED },
    run: (table) =>
      table.append(sql(`SELECT 99 AS id, 'n' AS more`), { txn: { appId: 'a', version: 1 }, mergeSchema: true }),
  },
  { name: 'append with a checkpoint', prepare: toVersion(9), run: (table) => table.append(rowsFrom(20, 25)) },
  {
    name: 'append with a V2 checkpoint',
    properties: V2,
    prepare: toVersion(9),
    run: (table) => table.append(rowsFrom(20, 25)),
  },
  {
    name: 'append with compaction',
    properties: { 'delta.autoOptimize.autoCompact': 'true' },
    prepare: toVersion(8),
    run: (table) => table.append(rowsFrom(200, 201)),
  },
  { name: 'overwrite', run: (table) => table.overwrite(rowsFrom(3, 9)) },
  {
    name: 'replaceWhere',
    properties: VECTORS,
    run: (table) => table.overwrite(rowsFrom(5, 8), { replaceWhere: 'id >= 5 AND id < 12' }),
  },
  { name: 'delete', run: (table) => table.delete({ where: 'id % 7 = 0' }) },
  { name: 'delete with deletion vectors', properties: VECTORS, run: (table) => table.delete({ where: 'id % 7 = 0' }) },
  {
    name: 'delete with a change feed',
    properties: { ...VECTORS, ...CHANGES },
    partitioned: true,
    run: (table) => table.delete({ where: 'id % 7 = 0' }),
  },
  { name: 'update', run: (table) => table.update({ where: 'id < 5', set: { v: 'v + 1' } }) },
  {
    name: 'update with deletion vectors',
    properties: { ...VECTORS, ...CHANGES },
    run: (table) => table.update({ where: 'id < 5', set: { v: 'v + 1' } }),
  },
  { name: 'merge', run: merge },
  { name: 'merge with deletion vectors', properties: { ...VECTORS, ...CHANGES }, run: merge },
  { name: 'merge in partitions', partitioned: true, run: merge },
  { name: 'optimize', run: (table) => table.optimize() },
  {
    name: 'optimize with deletion vectors',
    properties: VECTORS,
    partitioned: true,
    prepare: (table) => table.delete({ where: 'id % 7 = 0' }),
    run: (table) => table.optimize({ sortBy: ['v'] }),
  },
  {
    name: 'compaction after a commit',
    prepare: toVersion(9),
    run: async (table) => table.compactNear((await table.snapshot()).files),
  },
  {
    name: 'vacuum',
    prepare: (table) => table.overwrite(rowsFrom(3, 9)),
    run: (table) => table.vacuum({ retentionHours: 0, force: true }),
  },
  {
    name: 'vacuum of the log only',
    prepare: (table) => table.overwrite(rowsFrom(3, 9)),
    run: (table) => table.vacuum({ retentionHours: 0, force: true, mode: 'lite' }),
  },
  {
    name: 'restore',
    properties: VECTORS,
    prepare: (table) => table.delete({ where: 'id % 7 = 0' }),
    run: (table) => table.restore({ version: 2 }),
  },
  { name: 'checkpoint', run: (table) => table.checkpoint() },
  { name: 'V2 checkpoint', properties: V2, run: (table) => table.checkpoint() },
  {
    name: 'cleaning the log',
    properties: { 'delta.logRetentionDuration': 'interval 1 day' },
    prepare: toVersion(12),
    run: (table) => table.cleanLog(),
  },
  { name: 'properties', run: (table) => table.setProperties({ ...VECTORS, ...STAMPED }) },
  {
    name: 'rename',
    properties: MAPPED,
    run: (table) => table.renameColumn(['v'], 'w'),
  },
  { name: 'constraint', run: (table) => table.addConstraint('positive', 'id >= 0') },
];

/** Small appends up to a version. */
function toVersion(version: number) {
  return async (table: DeltaTable) => {
    for (let next = (await table.snapshot()).version + 1; next <= version; next++) {
      await table.append(rowsFrom(100 + next, 101 + next));
    }
  };
}

let session: Session;
beforeAll(async () => {
  session = await Session.open();
  return () => session.close();
});

const DEFINITION = { schema: columns({ id: 'BIGINT', v: 'BIGINT', p: 'VARCHAR' }) };

async function makeBase(folder: string, { properties = {}, partitioned = false, prepare }: Operation): Promise<void> {
  const table = tableIn(folder, session);
  await table.create({ ...DEFINITION, configuration: properties, ...(partitioned ? { partitionColumns: ['p'] } : {}) });
  await table.append(rowsFrom(0, 15));
  await table.append(rowsFrom(15, 20));
  await prepare?.(table);
}

/** All rows with their columns, and what else an operation may change. */
async function stateOf(table: DeltaTable, snapshot: Snapshot): Promise<string> {
  const relation = await table.scan({ slot: 'state', snapshot, files: snapshot.files });
  const rows = await session.rows(`SELECT * FROM (${relation}) AS t ORDER BY ALL`);
  const { configuration } = snapshot.metadata;
  const properties = Object.entries(configuration).filter(([name]) => !name.includes('Enablement'));
  const whole = { rows, properties, txns: [...snapshot.txns.keys()] };
  return JSON.stringify(whole, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function dataFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (path) => /\.(parquet|bin)$/.test(path) && !path.startsWith('_delta_log') && !path.startsWith('_change_data'),
    )
    .sort();
}

function namedFiles(snapshot: Snapshot): string[] {
  const named = snapshot.files.flatMap((file) => {
    const place = file.deletionVector == null ? undefined : vectorPlace(file.deletionVector, file.path);
    return [decodePath(file.path), ...(place?.kind === 'file' ? [place.path] : [])];
  });
  return [...new Set(named)].sort();
}

interface Expected {
  readonly before: string;
  readonly after: string;
  readonly version: number;
}

/** After a fault: old or new, whole; the next writer succeeds; a vacuum leaves only what is named. */
async function expectWhole(
  folder: string,
  { before, after, version }: Expected,
  done: boolean,
): Promise<'old' | 'new'> {
  const table = tableIn(folder, session, { clock: later });
  const snapshot = await table.snapshot();
  const state = await stateOf(table, snapshot);
  expect(snapshot.version).toBeGreaterThanOrEqual(version);
  expect([before, after]).toContain(state);
  if (done) expect(state).toBe(after);
  if (before !== after) expect(snapshot.version > version).toBe(state === after);
  expect((await table.verify({ deep: true })).findings).toEqual([]);
  const next = await table.append(sql('SELECT 1000 AS id'));
  expect(next).toMatchObject({ version: snapshot.version + 1, inserted: 1, committed: true });
  await table.vacuum({ retentionHours: 0, force: true });
  const fresh = tableIn(folder, session);
  const last = await fresh.snapshot();
  expect(dataFiles(folder)).toEqual(namedFiles(last));
  const [{ rows } = {}] = await session.rows(
    `SELECT count(*) AS rows FROM (${await fresh.scan({ slot: 'count', snapshot: last, files: last.files })}) AS t`,
  );
  expect(Number(rows)).toBe(JSON.parse(state).rows.length + 1);
  // Forty days on, the change files of the operation may have gone.
  expect((await tableIn(folder, session, { clock: later }).verify({ deep: true })).findings).toEqual([]);
  return state === after ? 'new' : 'old';
}

/** The power may go anywhere; between two reads it leaves what it leaves before the first of them. */
function faultsOf(calls: readonly StorageCall[]): Fault[] {
  const kinds = (call: StorageCall, i: number): FaultKind[] => {
    if (call.changes) return ['before', 'during', 'after', 'once-before', 'once-after'];
    if (ALL || calls[i - 1]?.changes === true) return ['before', 'once-before'];
    // In the midst of a row of reads of one kind.
    return calls[i - 1]?.name === call.name && calls[i + 1]?.name === call.name ? [] : ['once-before'];
  };
  return calls.flatMap((call, i) => kinds(call, i).map((kind) => ({ call: i + 1, kind })));
}

async function runWithFault(folder: string, operation: Operation, fault: Fault): Promise<boolean> {
  const store = new FaultyStore(folder, fault);
  try {
    await operation.run(tableIn(folder, session, { store, clock: later }));
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(LakeError);
    return false;
  }
}

let stops = 0;

describe('a stop at every storage call', () => {
  it.each(OPERATIONS)('$name: old or new, never half', async (operation) => {
    const root = tempFolder();
    const base = join(root, 'base');
    await makeBase(base, operation);
    const clean = join(root, 'clean');
    cpSync(base, clean, { recursive: true, preserveTimestamps: true });
    const store = new FaultyStore(clean);
    const before = await tableIn(base, session).snapshot();
    await operation.run(tableIn(clean, session, { store, clock: later }));
    const cleaned = tableIn(clean, session);
    const expected: Expected = {
      before: await stateOf(tableIn(base, session), before),
      after: await stateOf(cleaned, await cleaned.snapshot()),
      version: before.version,
    };
    const seen = new Set<string>();
    for (const fault of faultsOf(store.calls)) {
      const folder = join(root, `${fault.kind}-${fault.call}`);
      cpSync(base, folder, { recursive: true, preserveTimestamps: true });
      const call = store.calls[fault.call - 1];
      try {
        const done = await runWithFault(folder, operation, fault);
        const found = await expectWhole(folder, expected, done);
        // A caller who hears of an error writes again: then nothing may have been written.
        if (!done && fault.kind.startsWith('once') && expected.before !== expected.after) expect(found).toBe('old');
        seen.add(found);
      } catch (error) {
        throw new Error(`${fault.kind} call ${fault.call}, ${call?.name} ${call?.path}`, { cause: error });
      }
      stops += 1;
      rmSync(folder, { recursive: true });
    }
    if (expected.before !== expected.after) expect([...seen].sort()).toEqual(['new', 'old']);
  });

  it('create: a table or none', async () => {
    const root = tempFolder();
    const clean = new FaultyStore(join(root));
    await tableIn(root, session, { store: clean }).create(DEFINITION);
    for (const fault of faultsOf(clean.calls)) {
      const folder = tempFolder();
      const store = new FaultyStore(folder, fault);
      const done = await tableIn(folder, session, { store })
        .create(DEFINITION)
        .catch((error) => expect(error).toBeInstanceOf(LakeError));
      const again = await tableIn(folder, session).create(DEFINITION);
      if (done === true) expect(again).toBe(false);
      await tableIn(folder, session).append(rowsFrom(0, 3));
      expect((await tableIn(folder, session).verify({ deep: true })).findings).toEqual([]);
      expect(existsSync(join(folder, '_delta_log', `${'0'.repeat(20)}.json`))).toBe(true);
      stops += 1;
    }
    console.log(`${stops} stops`);
  });
});
