import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import { readDeletionVector } from '../../src/delta/log/deletion-vectors.js';
import { findSnapshot, type Snapshot } from '../../src/delta/log/snapshot.js';
import type { DeletionVector } from '../../src/delta/protocol/actions.js';
import { decodeDeletionVector, encodeDeletionVector, newVectorFile } from '../../src/delta/protocol/deletion-vector.js';
import { rowSet, rowsOf } from '../../src/delta/protocol/row-set.js';
import { encodeZ85 } from '../../src/delta/protocol/z85.js';
import { EXAMPLE_LOGS as BASES } from '../support/example-logs.js';
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
