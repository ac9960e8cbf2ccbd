import { describe, expect, it } from 'vitest';
import type { Protocol } from '../../../../src/delta/protocol/actions.js';
import { writerFeatures } from '../../../../src/delta/protocol/features.js';
import {
  neededFeatures,
  newProtocol,
  upgradeProtocol,
  withoutFeatureSwitches,
} from '../../../../src/delta/protocol/upgrade.js';

const LEGACY_PAIRS = [1, 2].flatMap((reader) => [1, 2, 3, 4, 5, 6].map((writer) => [reader, writer] as const));
const FOR_READERS = [
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'typeWidening',
  'v2Checkpoint',
  'vacuumProtocolCheck',
];
const WITH_VERSIONS = [
  'appendOnly',
  'invariants',
  'checkConstraints',
  'changeDataFeed',
  'generatedColumns',
  'columnMapping',
];
const FEATURES = [...new Set([...FOR_READERS, ...WITH_VERSIONS, 'inCommitTimestamp', 'domainMetadata'])];

function schema(type: unknown, metadata: object = {}, name = 'a'): string {
  return JSON.stringify({ type: 'struct', fields: [{ name, type, nullable: true, metadata }] });
}

const needed = (configuration: Record<string, string>, schemaString = schema('long')) =>
  neededFeatures({ configuration, schemaString });

describe.each(LEGACY_PAIRS)('from reader %i, writer %i', (minReaderVersion, minWriterVersion) => {
  const before: Protocol = { minReaderVersion, minWriterVersion };

  it.each(FEATURES)('to %s', (feature) => {
    const after = upgradeProtocol(before, [feature]);
    if (writerFeatures(before).includes(feature)) {
      expect(after).toBe(before);
      return;
    }
    expect(writerFeatures(after)).toContain(feature);
    for (const kept of writerFeatures(before)) expect(writerFeatures(after)).toContain(kept);
    expect(after.minReaderVersion).toBeGreaterThanOrEqual(minReaderVersion);
    const lists = !WITH_VERSIONS.includes(feature);
    expect(after.minWriterVersion === 7).toBe(lists);
    expect(after.writerFeatures !== undefined).toBe(lists);
    expect(after.readerFeatures !== undefined).toBe(after.minReaderVersion === 3);
    expect(after.minReaderVersion === 3).toBe(lists && FOR_READERS.includes(feature));
    const forReaders = (after.writerFeatures ?? []).filter((name) => FOR_READERS.includes(name));
    if (after.readerFeatures) expect(after.readerFeatures).toEqual(forReaders);
    expect(upgradeProtocol(after, [feature])).toBe(after);
  });
});

describe('an upgrade', () => {
  it('takes the lowest versions that say it', () => {
    const from = { minReaderVersion: 1, minWriterVersion: 2 };
    expect(upgradeProtocol(from, ['checkConstraints'])).toEqual({ minReaderVersion: 1, minWriterVersion: 3 });
    expect(upgradeProtocol(from, ['changeDataFeed', 'columnMapping'])).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 5,
    });
    expect(upgradeProtocol({ minReaderVersion: 1, minWriterVersion: 6 }, ['columnMapping'])).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 6,
    });
  });

  it('keeps lists sorted, whole and without repetition', () => {
    const from = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['v2Checkpoint'],
      writerFeatures: ['v2Checkpoint', 'appendOnly'],
    };
    expect(upgradeProtocol(from, ['deletionVectors', 'appendOnly', 'inCommitTimestamp'])).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['deletionVectors', 'v2Checkpoint'],
      writerFeatures: ['appendOnly', 'deletionVectors', 'inCommitTimestamp', 'v2Checkpoint'],
    });
    expect(
      upgradeProtocol({ minReaderVersion: 2, minWriterVersion: 7, writerFeatures: ['columnMapping'] }, [
        'inCommitTimestamp',
      ]),
    ).toEqual({
      minReaderVersion: 2,
      minWriterVersion: 7,
      writerFeatures: ['columnMapping', 'inCommitTimestamp'],
    });
  });

  it('is not needed where the preview of the feature is there', () => {
    const from = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['typeWidening-preview'],
      writerFeatures: ['typeWidening-preview'],
    };
    expect(upgradeProtocol(from, ['typeWidening'])).toBe(from);
  });

  it('of nothing is the same object', () => {
    const from = { minReaderVersion: 1, minWriterVersion: 1 };
    expect(upgradeProtocol(from, [])).toBe(from);
  });
});

describe('the features that a table needs', () => {
  it.each([
    ['delta.appendOnly', 'true', 'appendOnly'],
    ['delta.checkpointPolicy', 'v2', 'v2Checkpoint'],
    ['delta.columnMapping.mode', 'id', 'columnMapping'],
    ['delta.columnMapping.mode', 'name', 'columnMapping'],
    ['delta.enableChangeDataFeed', 'TRUE', 'changeDataFeed'],
    ['delta.enableDeletionVectors', 'true', 'deletionVectors'],
    ['delta.enableInCommitTimestamps', 'true', 'inCommitTimestamp'],
    ['delta.enableTypeWidening', 'true', 'typeWidening'],
    ['delta.constraints.c', 'a > 0', 'checkConstraints'],
    ['delta.feature.timestampNtz', 'supported', 'timestampNtz'],
  ])('%s = %s: %s', (property, value, feature) => {
    expect(needed({ [property]: value })).toEqual([feature]);
    if (!property.includes('constraints') && !property.includes('feature'))
      expect(needed({ [property]: 'false' })).toEqual([]);
  });

  it.each([
    ['a wall clock', schema('timestamp_ntz'), 'timestampNtz'],
    [
      'one deep inside',
      schema({
        type: 'map',
        keyType: 'string',
        valueType: { type: 'array', elementType: JSON.parse(schema('timestamp_ntz')), containsNull: true },
        valueContainsNull: true,
      }),
      'timestampNtz',
    ],
    ['an invariant', schema('long', { 'delta.invariants': '{}' }), 'invariants'],
    ['a generated column', schema('long', { 'delta.generationExpression': 'b' }), 'generatedColumns'],
    ['a type that grew', schema('long', { 'delta.typeChanges': [] }), 'typeWidening'],
  ])('%s', (_, schemaString, feature) => {
    expect(needed({}, schemaString)).toEqual([feature]);
  });

  it('names of columns mean nothing', () => {
    for (const name of ['timestamp_ntz', 'delta.invariants', 'delta.typeChanges', 'delta.generationExpression']) {
      expect(needed({}, schema('long', {}, name))).toEqual([]);
    }
  });

  it.each([
    'delta.enableRowTracking',
    'delta.enableIcebergCompatV1',
    'delta.enableIcebergCompatV2',
    'delta.enableIcebergCompatV3',
  ])('%s is refused by its feature', (property) => {
    expect(() => needed({ [property]: 'true' })).toThrow(expect.objectContaining({ code: 'DELTA_UNSUPPORTED' }));
    expect(needed({ [property]: 'false' })).toEqual([]);
  });

  it('a new table has the lowest protocol, and no switches are kept', () => {
    expect(newProtocol({ configuration: {}, schemaString: schema('long') })).toEqual({
      minReaderVersion: 1,
      minWriterVersion: 2,
    });
    expect(withoutFeatureSwitches({ 'delta.feature.x': 'supported', 'delta.featureless': '1', a: 'b' })).toEqual({
      'delta.featureless': '1',
      a: 'b',
    });
  });
});
