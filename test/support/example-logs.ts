import type { DeletionVector } from '../../src/delta/protocol/actions.js';
import { encodeDeletionVector } from '../../src/delta/protocol/deletion-vector.js';
import { rowSet } from '../../src/delta/protocol/row-set.js';
import { encodeZ85 } from '../../src/delta/protocol/z85.js';
import type { Files } from './mutations.js';

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

/** Four logs of one table: what stands for its commits differs. */
export const EXAMPLE_LOGS: Readonly<Record<string, Files>> = {
  commits: new Map(commits()),
  checkpoint: new Map([...commits(4), CHECKPOINT, HINT]),
  'checkpoint and all commits': new Map([...commits(), CHECKPOINT, HINT]),
  compaction: new Map([...commits(), COMPACTED]),
};
