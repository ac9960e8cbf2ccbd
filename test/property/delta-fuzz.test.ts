import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import { readDeletionVector } from '../../src/delta/log/deletion-vectors.js';
import { findSnapshot, type Snapshot } from '../../src/delta/log/snapshot.js';
import type { DeletionVector } from '../../src/delta/protocol/actions.js';
import { decodeDeletionVector, encodeDeletionVector, newVectorFile } from '../../src/delta/protocol/deletion-vector.js';
import { rowSet, rowsOf } from '../../src/delta/protocol/row-set.js';
import { encodeZ85 } from '../../src/delta/protocol/z85.js';
import { MemoryStore } from '../support/memory-store.js';
import {
  damageBytes,
  damageFiles,
  disguiseFiles,
  type Files,
  pick,
  type Random,
  randomSource,
} from '../support/mutations.js';
import { fileText, type ReferenceState, referenceStates } from '../support/reference-log.js';
import { referenceRows } from '../support/reference-vector.js';

/** Damaged inputs of each kind; a long run has tens of thousands. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

const encoder = new TextEncoder();
const log = (name: string) => `_delta_log/${name}`;
const padded = (version: number) => String(version).padStart(20, '0');
const jsonLines = (actions: readonly object[]) => encoder.encode(actions.map((a) => `${JSON.stringify(a)}\n`).join(''));

const SCHEMA = JSON.stringify({
  type: 'struct',
  fields: [
    {
      name: 'id',
      type: 'long',
      nullable: true,
      metadata: { 'delta.columnMapping.id': 1, 'delta.columnMapping.physicalName': 'c1' },
    },
    {
      name: 'p',
      type: 'string',
      nullable: true,
      metadata: { 'delta.columnMapping.id': 2, 'delta.columnMapping.physicalName': 'c2' },
    },
  ],
});

const PROTOCOL = {
  minReaderVersion: 3,
  minWriterVersion: 7,
  readerFeatures: ['deletionVectors', 'columnMapping', 'v2Checkpoint'],
  writerFeatures: ['deletionVectors', 'columnMapping', 'v2Checkpoint', 'inCommitTimestamp'],
};

const METADATA = {
  id: 'ab84bc4b-9a3a-4b3e-8c62-000000000000',
  format: { provider: 'parquet', options: {} },
  schemaString: SCHEMA,
  partitionColumns: ['p'],
  configuration: {
    'delta.columnMapping.mode': 'name',
    'delta.columnMapping.maxColumnId': '2',
    'delta.enableInCommitTimestamps': 'true',
  },
  createdTime: 1,
};

const info = (version: number) => ({
  commitInfo: {
    inCommitTimestamp: 1000 + version,
    timestamp: 1000 + version,
    operation: 'WRITE',
    txnId: `t${version}`,
  },
});

function add(n: number, vector?: DeletionVector) {
  return {
    add: {
      path: `c2=x%2520${n % 3}/part-${n}.parquet`,
      partitionValues: { c2: n % 3 === 0 ? null : `x ${n % 3}` },
      size: 100 + n,
      modificationTime: 5000 + n,
      dataChange: true,
      stats: JSON.stringify({ numRecords: 10, minValues: { c1: n }, maxValues: { c1: n + 9 }, nullCount: { c1: 0 } }),
      ...(vector === undefined ? {} : { deletionVector: vector }),
    },
  };
}

function remove(n: number, vector?: DeletionVector) {
  const { path, partitionValues, size, deletionVector } = add(n, vector).add;
  return {
    remove: {
      path,
      partitionValues,
      size,
      deletionTimestamp: 9000,
      dataChange: true,
      deletionVector: deletionVector ?? null,
    },
  };
}

function inline(...rows: number[]): DeletionVector {
  const bytes = encodeDeletionVector(rowSet(rows));
  return { storageType: 'i', pathOrInlineDv: encodeZ85(bytes), sizeInBytes: bytes.length, cardinality: rows.length };
}

const ONE = inline(1);
const TWO = inline(1, 2);
const COMMITS: readonly (readonly object[])[] = [
  [info(0), { protocol: PROTOCOL }, { metaData: METADATA }],
  [info(1), add(1), add(2), add(3), { txn: { appId: 'app', version: 1, lastUpdated: 7 } }],
  [info(2), add(4), { domainMetadata: { domain: 'd', configuration: '{}', removed: false } }],
  [info(3), remove(1), add(1, ONE)],
  [info(4), remove(2), add(5), { txn: { appId: 'app', version: 2 } }],
  [
    info(5),
    remove(1, ONE),
    add(1, TWO),
    { cdc: { path: '_change_data/x', partitionValues: {}, size: 1, dataChange: false } },
  ],
  [info(6), remove(4), add(6)],
];

function commits(from = 0): [string, Uint8Array][] {
  return COMMITS.flatMap((actions, v) =>
    v < from ? [] : [[log(`${padded(v)}.json`), jsonLines(actions)] as [string, Uint8Array]],
  );
}

const CHECKPOINT: [string, Uint8Array] = [
  log(`${padded(3)}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json`),
  jsonLines([
    { checkpointMetadata: { version: 3 } },
    { protocol: PROTOCOL },
    { metaData: METADATA },
    { txn: { appId: 'app', version: 1 } },
    { domainMetadata: { domain: 'd', configuration: '{}', removed: false } },
    ...[remove(1), add(1, ONE), add(2), add(3), add(4)].map((a) =>
      JSON.parse(JSON.stringify(a).replace('"dataChange":true', '"dataChange":false')),
    ),
  ]),
];
const HINT: [string, Uint8Array] = [log('_last_checkpoint'), encoder.encode('{"version":3,"size":9}')];
const COMPACTED: [string, Uint8Array] = [
  log(`${padded(2)}.${padded(5)}.compacted.json`),
  jsonLines([
    add(4),
    { domainMetadata: { domain: 'd', configuration: '{}', removed: false } },
    remove(1),
    remove(1, ONE),
    add(1, TWO),
    remove(2),
    add(5),
    { txn: { appId: 'app', version: 2 } },
  ]),
];

const BASES: Readonly<Record<string, Files>> = {
  commits: new Map(commits()),
  checkpoint: new Map([...commits(4), CHECKPOINT, HINT]),
  'checkpoint and all commits': new Map([...commits(), CHECKPOINT, HINT]),
  compaction: new Map([...commits(), COMPACTED]),
};

const noEngine = async () => {
  throw new LakeError('DELTA_LOG', 'this log has no Parquet file');
};

/** The features of the specification; a name that is none of them must not be taken for one. */
const FEATURES =
  /^(appendOnly|invariants|checkConstraints|changeDataFeed|generatedColumns|columnMapping|identityColumns|deletionVectors|rowTracking|timestampNtz|typeWidening(-preview)?|domainMetadata|v2Checkpoint|icebergCompatV[123]|inCommitTimestamp|clustering|vacuumProtocolCheck|variantType(-preview)?|allowColumnDefaults|materializePartitionColumns)$/;

function stateOf(snapshot: Snapshot): Omit<ReferenceState, 'protocol' | 'metadata'> {
  return {
    version: snapshot.version,
    files: snapshot.files.map(fileText).sort(),
    txns: [...snapshot.txns.values()]
      .map(({ appId, version }) => JSON.stringify([appId, version], (_k, v) => (typeof v === 'bigint' ? Number(v) : v)))
      .sort(),
  };
}

function agrees(snapshot: Snapshot, expected: ReferenceState): boolean {
  const { protocol, metadata, ...rest } = expected;
  const text = (value: unknown) => JSON.stringify(value);
  // No property of a table has this name; it is left out rather than kept where it could mislead.
  const entries = (map: object) => Object.entries(map).filter(([key]) => key !== '__proto__');
  return (
    text(stateOf(snapshot)) === text({ version: rest.version, files: rest.files, txns: rest.txns }) &&
    snapshot.protocol.minReaderVersion === protocol?.['minReaderVersion'] &&
    text(snapshot.protocol.readerFeatures ?? null) === text(protocol?.['readerFeatures'] ?? null) &&
    snapshot.metadata.schemaString === metadata?.['schemaString'] &&
    text(snapshot.metadata.partitionColumns) === text(metadata?.['partitionColumns']) &&
    text(entries(snapshot.metadata.configuration)) === text(entries(metadata?.['configuration'] ?? {}))
  );
}

const CODES = ['DELTA_LOG', 'DELTA_UNSUPPORTED', 'DELTA_SCHEMA', 'VERSION_NOT_FOUND'];

interface Tally {
  inputs: number;
  errors: number;
  slowest: number;
}

async function judge(files: Files, tally: Tally): Promise<void> {
  const started = performance.now();
  let snapshot: Snapshot | undefined;
  try {
    snapshot = await findSnapshot(new MemoryStore(files), noEngine);
  } catch (error) {
    if (!(error instanceof LakeError) || !CODES.includes(error.code)) throw error;
    expect(error.message.length).toBeGreaterThan(5);
    tally.errors += 1;
    return;
  } finally {
    tally.inputs += 1;
    tally.slowest = Math.max(tally.slowest, performance.now() - started);
  }
  const states = referenceStates(files);
  if (snapshot === undefined) {
    if (states.length > 0) throw new Error('the log was not seen');
    return;
  }
  const unknown = (snapshot.protocol.readerFeatures ?? []).filter((name) => !FEATURES.test(name));
  if (unknown.length > 0 || snapshot.protocol.minReaderVersion > 3) throw new Error(`read in spite of ${unknown}`);
  if (states.some((state) => agrees(snapshot, state))) return;
  throw new Error(`wrong answer: ${JSON.stringify(stateOf(snapshot))} is none of ${JSON.stringify(states)}`);
}

function textOf(files: Files): string {
  return [...files].map(([path, bytes]) => `${path}\n${Buffer.from(bytes).toString('latin1')}`).join('\n');
}

async function fuzz(name: string, runs: number, one: (random: Random, n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < runs; n++) {
    try {
      await one(randomSource(SEED * 1_000_003 + n), n);
    } catch (error) {
      throw new Error(`${name}: input ${n} of seed ${SEED}: ${(error as Error).message}`, { cause: error });
    }
  }
}

test.each(Object.keys(BASES))(
  'a damaged log (%s) is an error or what it says',
  { timeout: 3_600_000 },
  async (name) => {
    const base = BASES[name]!;
    const tally: Tally = { inputs: 0, errors: 0, slowest: 0 };
    const whole = await findSnapshot(new MemoryStore(base), noEngine);
    expect(whole?.files).toHaveLength(4);
    await fuzz(name, RUNS, async (random) => {
      const files = damageFiles(random, base);
      await judge(files, tally).catch((error: Error) => {
        throw new Error(`${error.message}\n${error.stack}\n${process.env['FUZZ_SHOW'] ? textOf(files) : ''}`, {
          cause: error,
        });
      });
    });
    expect(tally.errors).toBeGreaterThan(RUNS / 20);
    expect(tally.errors).toBeLessThan(RUNS);
    expect(tally.slowest).toBeLessThan(2000);
    if (RUNS > 300)
      console.log(`${name}: ${tally.inputs} inputs, ${tally.errors} errors, slowest ${tally.slowest.toFixed(0)} ms`);
  },
);

test.each(Object.keys(BASES))(
  'a log (%s) that only looks different is the same table',
  { timeout: 3_600_000 },
  async (name) => {
    const base = BASES[name]!;
    const whole = await findSnapshot(new MemoryStore(base), noEngine);
    await fuzz(name, Math.ceil(RUNS / 4), async (random) => {
      const snapshot = await findSnapshot(new MemoryStore(disguiseFiles(random, base)), noEngine);
      expect(stateOf(snapshot!)).toEqual(stateOf(whole!));
      expect(snapshot?.metadata.schemaString).toBe(whole?.metadata.schemaString);
    });
  },
);

function randomRows(random: Random): number[] {
  const rows = new Set<number>();
  for (let n = random(4) + 1; n > 0; n--) {
    const start = pick(random, [0, 65_530, 200_000, 2 ** 32 - 10, 2 ** 33]) + random(100);
    const step = pick(random, [1, 1, 2, 7]);
    for (let i = pick(random, [1, 3, 50, 5000]); i > 0; i--) rows.add(start + i * step);
  }
  return [...rows].sort((a, b) => a - b);
}

test('a damaged deletion vector is an error or the rows it says', { timeout: 3_600_000 }, async () => {
  let read = 0;
  await fuzz('vector', RUNS * 2, async (random) => {
    let bytes = encodeDeletionVector(rowSet(randomRows(random)));
    for (let n = random(3); n >= 0; n--) bytes = damageBytes(random, bytes);
    // Most damage is to the long list of rows; the head decides how it is read.
    if (random(2) === 0 && bytes.length > 40)
      bytes = Buffer.concat([damageBytes(random, bytes.subarray(0, 40)), bytes.subarray(40)]);
    let rows: number[];
    try {
      const set = decodeDeletionVector(bytes, 'f');
      rows = [...rowsOf(set)];
      expect(rows).toHaveLength(set.cardinality);
    } catch (error) {
      expect(error).toBeInstanceOf(LakeError);
      expect(error).toMatchObject({ code: 'DELTA_DELETION_VECTOR' });
      return;
    }
    const expected = referenceRows(bytes);
    if (expected === 'other format') return;
    read += 1;
    expect(rows).toEqual(expected);
  });
  expect(read).toBeGreaterThan(RUNS / 100);
});

test('a damaged file of deletion vectors, or a damaged descriptor, never brings other rows', {
  timeout: 3_600_000,
}, async () => {
  await fuzz('file', RUNS, async (random) => {
    const { path, encoded } = newVectorFile('d2c639aa-8816-431a-aaf6-d3fe2512ff61');
    const parts: Uint8Array[] = [Uint8Array.of(1)];
    const descriptors: DeletionVector[] = [];
    const sets = [randomRows(random), randomRows(random)];
    let offset = 1;
    for (const rows of sets) {
      const data = encodeDeletionVector(rowSet(rows));
      const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
      head.writeUInt32BE(data.length);
      tail.writeUInt32BE(crc32(data));
      parts.push(head, data, tail);
      descriptors.push({
        storageType: 'u',
        pathOrInlineDv: encoded,
        offset,
        sizeInBytes: data.length,
        cardinality: rows.length,
      });
      offset += data.length + 8;
    }
    const which = random(2);
    let bytes: Uint8Array = Buffer.concat(parts);
    let descriptor: DeletionVector = descriptors[which]!;
    if (random(3) > 0) bytes = damageBytes(random, bytes);
    else {
      const key = pick(random, ['offset', 'sizeInBytes', 'cardinality', 'pathOrInlineDv', 'storageType'] as const);
      const value = pick<unknown>(random, [
        0,
        1,
        -1,
        2 ** 31,
        2 ** 53,
        0.5,
        Number.NaN,
        '',
        'x',
        '../../../etc/passwd',
        '\u0000',
        null,
        'p',
        'i',
        offset,
        encoded.slice(1),
      ]);
      descriptor = { ...descriptor, [key]: value } as DeletionVector;
    }
    try {
      const rows = [...rowsOf(await readDeletionVector(new MemoryStore(new Map([[path, bytes]])), descriptor))];
      const right =
        descriptor.offset === descriptors[which]!.offset
          ? sets[which]
          : sets.find((set) => set.length === descriptor.cardinality);
      expect(rows).toEqual(right);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      expect(['DELTA_DELETION_VECTOR', 'DATA_FILE_MISSING', 'STORAGE', 'NOT_FOUND']).toContain(error.code);
    }
  });
});

test('a damaged inline vector is an error or the rows it says', { timeout: 3_600_000 }, async () => {
  await fuzz('inline', RUNS, async (random) => {
    const rows = randomRows(random).slice(0, 20);
    const bytes = encodeDeletionVector(rowSet(rows));
    const text = Buffer.from(damageBytes(random, Buffer.from(encodeZ85(bytes)))).toString('latin1');
    const descriptor: DeletionVector = {
      storageType: 'i',
      pathOrInlineDv: text,
      sizeInBytes: bytes.length,
      cardinality: rows.length,
    };
    try {
      const read = await readDeletionVector(new MemoryStore(new Map()), descriptor);
      expect(read.cardinality).toBe(rows.length);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      expect(error.code).toBe('DELTA_DELETION_VECTOR');
    }
  });
});
