import { describe, expect, it } from 'vitest';
import { fileKey } from '../../../src/delta/protocol/actions.js';
import { parseAction, parseLine } from '../../../src/delta/protocol/parse-action.js';

const ADD = { path: 'a.parquet', partitionValues: {}, size: 1, modificationTime: 2, dataChange: true };
const METADATA = {
  id: 'm',
  format: { provider: 'parquet', options: {} },
  schemaString: '{}',
  partitionColumns: ['p'],
  configuration: { k: 'v' },
};
const DV = { storageType: 'u', pathOrInlineDv: 'ab^-aqEH', offset: 4, sizeInBytes: 40, cardinality: 6 };

describe('parseAction', () => {
  it.each([
    ['add', { ...ADD, stats: '{"numRecords":1}', tags: null, somethingNew: 1 }],
    ['add', { ...ADD, partitionValues: { p: null, q: '' } }],
    ['remove', { path: 'a.parquet', dataChange: true, deletionTimestamp: 5 }],
    ['remove', { path: 'a.parquet', dataChange: true }],
    ['metaData', METADATA],
    ['protocol', { minReaderVersion: 1, minWriterVersion: 2 }],
    ['protocol', { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['x'], writerFeatures: ['x'] }],
    ['txn', { appId: 'app', version: 3, lastUpdated: null }],
    ['domainMetadata', { domain: 'd', configuration: '{}', removed: true }],
    ['commitInfo', { operation: 'WRITE', operationParameters: { nested: { a: [1] } } }],
    ['commitInfo', {}],
  ])('reads %s %j', (kind, value) => {
    expect(parseAction({ [kind]: value })).toEqual({ [kind]: value });
  });

  it.each([{ checkpointMetadata: { version: 1 } }, { futureAction: 1 }, {}, { add: null }])('ignores %j', (line) => {
    expect(parseAction(line)).toBeUndefined();
  });

  it('reads the one action of a line whose other kinds are null, as old writers have it', () => {
    expect(parseAction({ add: null, remove: null, txn: { appId: 'a', version: 1 }, protocol: null })).toEqual({
      txn: { appId: 'a', version: 1 },
    });
  });

  it('takes a null in metaData and protocol for an absent field', () => {
    const value = { ...METADATA, name: null, description: null, createdTime: null, configuration: null };
    expect(parseAction({ metaData: value })).toEqual({ metaData: { ...METADATA, configuration: {} } });
    expect(
      parseAction({
        protocol: { minReaderVersion: 1, minWriterVersion: 2, readerFeatures: null, writerFeatures: null },
      }),
    ).toEqual({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } });
  });

  it.each([
    ['add.path', { add: { ...ADD, path: 1 } }],
    ['add.partitionValues', { add: { ...ADD, partitionValues: null } }],
    ['add.partitionValues', { add: { ...ADD, partitionValues: 'p=1' } }],
    ['add.size', { add: { ...ADD, size: '1' } }],
    ['add.modificationTime', { add: { ...ADD, modificationTime: undefined } }],
    ['remove.path', { remove: {} }],
    ['txn.version', { txn: { appId: 'a', version: '1' } }],
    ['txn.appId', { txn: { version: 1 } }],
    ['domainMetadata.removed', { domainMetadata: { domain: 'd', configuration: '' } }],
    ['metaData.schemaString', { metaData: { ...METADATA, schemaString: 1 } }],
    ['metaData.createdTime', { metaData: { ...METADATA, createdTime: 2 ** 53 } }],
    ['add.path', { add: { ...ADD, path: '' } }],
    ['add.partitionValues', { add: { ...ADD, partitionValues: [] } }],
    ['add.partitionValues.p', { add: { ...ADD, partitionValues: { p: 1 } } }],
    ['add.size', { add: { ...ADD, size: -1 } }],
    ['add.size', { add: { ...ADD, size: 1.5 } }],
    ['add.size', { add: { ...ADD, size: 2 ** 53 } }],
    ['add.stats', { add: { ...ADD, stats: {} } }],
    ['add.tags.t', { add: { ...ADD, tags: { t: 1 } } }],
    ['add.dataChange', { add: { ...ADD, dataChange: 'true' } }],
    ['add.baseRowId', { add: { ...ADD, baseRowId: 2 ** 53 } }],
    ['add.deletionVector', { add: { ...ADD, deletionVector: 'x' } }],
    ['add.deletionVector.storageType', { add: { ...ADD, deletionVector: { ...DV, storageType: 'x' } } }],
    ['add.deletionVector.pathOrInlineDv', { add: { ...ADD, deletionVector: { ...DV, pathOrInlineDv: null } } }],
    ['add.deletionVector.offset', { add: { ...ADD, deletionVector: { ...DV, offset: -1 } } }],
    ['add.deletionVector.sizeInBytes', { add: { ...ADD, deletionVector: { ...DV, sizeInBytes: undefined } } }],
    ['add.deletionVector.cardinality', { add: { ...ADD, deletionVector: { ...DV, cardinality: '6' } } }],
    ['remove.deletionTimestamp', { remove: { path: 'a', deletionTimestamp: 2 ** 60 } }],
    ['remove.size', { remove: { path: 'a', size: -1 } }],
    ['cdc.partitionValues', { cdc: { path: 'x', size: 1 } }],
    ['txn.version', { txn: { appId: 'a', version: 1.5 } }],
    ['txn.lastUpdated', { txn: { appId: 'a', version: 1, lastUpdated: 2 ** 53 } }],
    ['metaData.format.provider', { metaData: { ...METADATA, format: {} } }],
    ['metaData.configuration.k', { metaData: { ...METADATA, configuration: { k: 1 } } }],
    ['protocol.minReaderVersion', { protocol: { minReaderVersion: 0, minWriterVersion: 2 } }],
    ['protocol.minWriterVersion', { protocol: { minReaderVersion: 1, minWriterVersion: 2.5 } }],
    ['protocol.readerFeatures', { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: 'x' } }],
    ['add', { add: 1 }],
    ['commitInfo', { commitInfo: 'x' }],
  ])('refuses a malformed %s by name', (field, line) => {
    expect(() => parseAction(line)).toThrow(
      expect.objectContaining({ code: 'DELTA_LOG', message: expect.stringContaining(field) }),
    );
  });

  it.each([[[]], [null], ['add'], [1]])('refuses %j, which is no object', (line) => {
    expect(() => parseAction(line)).toThrow(expect.objectContaining({ code: 'DELTA_LOG' }));
  });
});

describe('parseLine', () => {
  it.each(['9007199254740993', '-9223372036854775808', '9223372036854775807'])(
    'keeps txn.version %s exactly',
    (version) => {
      const action = parseAction(parseLine(`{"txn":{"appId":"a","version":${version},"lastUpdated":5}}`));
      expect(action).toEqual({ txn: { appId: 'a', version: BigInt(version), lastUpdated: 5 } });
    },
  );

  it.each(['9223372036854775808', '1e30'])('txn.version %s is refused', (version) => {
    expect(() => parseAction(parseLine(`{"txn":{"appId":"a","version":${version}}}`))).toThrow(
      expect.objectContaining({ code: 'DELTA_LOG', message: expect.stringContaining('txn.version') }),
    );
  });
});

describe('fileKey', () => {
  it('knows the spellings of one path', () => {
    for (const path of ['/a/b c', 'file:/a/b%20c', 'file:///a/b%20c', 'FILE://localhost/a/b c']) {
      expect(fileKey({ path })).toBe('/a/b c');
    }
    expect(fileKey({ path: 'p=A%252FA/x' })).toBe(fileKey({ path: 'p=A%25%32FA/x' }));
    expect(fileKey({ path: 'files/x' })).toBe('files/x');
    expect(fileKey({ path: 's3://b/x' })).not.toBe(fileKey({ path: '/b/x' }));
  });

  it('is the path and the deletion vector', () => {
    const keys = [
      fileKey({ path: 'a' }),
      fileKey({ path: 'b' }),
      fileKey({ path: 'a', deletionVector: DV }),
      fileKey({ path: 'a', deletionVector: { ...DV, offset: 5 } }),
      fileKey({ path: 'a', deletionVector: { ...DV, offset: null } }),
      fileKey({ path: 'a', deletionVector: { ...DV, storageType: 'p' } }),
      fileKey({ path: 'a', deletionVector: { ...DV, pathOrInlineDv: 'other' } }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(fileKey({ path: 'a', deletionVector: null })).toBe(fileKey({ path: 'a' }));
    expect(fileKey({ path: 'a', deletionVector: { ...DV, cardinality: 9 } })).toBe(keys[2]);
  });
});
