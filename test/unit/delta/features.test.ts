import { describe, expect, it } from 'vitest';
import type { Metadata, Protocol } from '../../../src/delta/protocol/actions.js';
import {
  assertReadable,
  assertWritable,
  unreadableFeatures,
  unwritableFeatures,
  writerFeatures,
} from '../../../src/delta/protocol/features.js';

function metadata(fieldMetadata: object = {}, type = 'long'): Metadata {
  return {
    id: 'm',
    format: { provider: 'parquet' },
    schemaString: JSON.stringify({
      type: 'struct',
      fields: [{ name: 'a', type, nullable: true, metadata: fieldMetadata }],
    }),
    partitionColumns: [],
    configuration: {},
  };
}

const legacy = (minReaderVersion: number, minWriterVersion: number): Protocol => ({
  minReaderVersion,
  minWriterVersion,
});

function named(readerFeatures: readonly string[], writerFeatures: readonly string[] = readerFeatures): Protocol {
  return { minReaderVersion: 3, minWriterVersion: 7, readerFeatures, writerFeatures };
}

const writerOnly = (...writerFeatures: string[]): Protocol => ({
  minReaderVersion: 1,
  minWriterVersion: 7,
  writerFeatures,
});

const PLAIN = metadata();
const VARIANT: Metadata = { ...PLAIN, schemaString: PLAIN.schemaString.replace('"long"', '"variant"') };

describe('legacy versions', () => {
  it.each([1, 2, 3, 4, 5, 6])('writer %i is written', (version) => {
    expect(unwritableFeatures(legacy(1, version), PLAIN)).toEqual([]);
    expect(unwritableFeatures(legacy(2, version), PLAIN)).toEqual([]);
  });

  it.each([1, 2])('reader %i is read', (version) => {
    expect(unreadableFeatures(legacy(version, 5), PLAIN)).toEqual([]);
  });

  it('writer 6 is refused where the table has an identity column', () => {
    const used = metadata({ 'delta.identity.start': 1 });
    expect(unwritableFeatures(legacy(1, 6), used)).toEqual(['identityColumns']);
    expect(unwritableFeatures(legacy(1, 5), used)).toEqual([]);
  });

  it('stand for features, column mapping only with reader 2', () => {
    expect(writerFeatures(legacy(1, 1))).toEqual([]);
    expect(writerFeatures(legacy(1, 3))).toEqual(['appendOnly', 'invariants', 'checkConstraints']);
    expect(writerFeatures(legacy(1, 5))).not.toContain('columnMapping');
    expect(writerFeatures(legacy(2, 5))).toContain('columnMapping');
    expect(writerFeatures(legacy(2, 4))).not.toContain('columnMapping');
    expect(writerFeatures(legacy(2, 6))).toContain('identityColumns');
  });

  it('versions from the future are refused by number', () => {
    expect(unreadableFeatures(legacy(4, 7), PLAIN)).toEqual(['reader version 4']);
    expect(unwritableFeatures(legacy(1, 8), PLAIN)).toEqual(['writer version 8']);
  });
});

describe('named features', () => {
  it.each([
    'columnMapping',
    'deletionVectors',
    'timestampNtz',
    'typeWidening',
    'typeWidening-preview',
    'v2Checkpoint',
    'vacuumProtocolCheck',
  ])('%s is read and written', (feature) => {
    expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([]);
    expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([]);
  });

  it.each(['catalogManaged', 'neverHeardOf'])('%s is neither read nor written', (feature) => {
    expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([feature]);
    expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([feature]);
  });

  it.each(['rowTracking', 'icebergCompatV1', 'icebergCompatV2', 'materializePartitionColumns', 'neverHeardOf'])(
    '%s for writers only: read, not written',
    (feature) => {
      expect(unreadableFeatures(writerOnly(feature), PLAIN)).toEqual([]);
      expect(unwritableFeatures(writerOnly(feature), PLAIN)).toEqual([feature]);
    },
  );

  it.each([
    'appendOnly',
    'invariants',
    'checkConstraints',
    'changeDataFeed',
    'generatedColumns',
    'inCommitTimestamp',
    'domainMetadata',
  ])('%s for writers only: written', (feature) => {
    expect(unwritableFeatures(writerOnly(feature), PLAIN)).toEqual([]);
  });

  it.each(['variantType', 'variantType-preview', 'variantShredding'])(
    '%s is refused where a column is of the type',
    (feature) => {
      const used = metadata({}, 'variant');
      expect(unreadableFeatures(named([feature]), used)).toEqual([feature]);
      expect(unwritableFeatures(named([feature]), used)).toEqual([feature]);
      expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([]);
      expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([]);
    },
  );

  it('identity columns that are allowed and not used are written', () => {
    expect(unwritableFeatures(writerOnly('identityColumns'), PLAIN)).toEqual([]);
    expect(unwritableFeatures(writerOnly('identityColumns'), metadata({ 'delta.identity.step': 1 }))).toEqual([
      'identityColumns',
    ]);
  });
});

describe('features of variant columns', () => {
  it.each(['variantType', 'variantType-preview', 'variantShredding', 'variantShredding-preview'])(
    '%s is refused where the table has such a column',
    (feature) => {
      expect(unreadableFeatures(named([feature]), VARIANT)).toEqual([feature]);
      expect(unwritableFeatures(named([feature]), VARIANT)).toEqual([feature]);
      expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([]);
      expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([]);
    },
  );
});

describe('the refusal', () => {
  it('names every feature, what cannot be done, and where', () => {
    const protocol = named(['rowColumnar', 'timestampNtz', 'catalogManaged']);
    expect(() => assertReadable(protocol, VARIANT, 'lake/t@3')).toThrow(
      expect.objectContaining({
        code: 'DELTA_UNSUPPORTED',
        place: 'lake/t@3',
        exitCode: 3,
        message: expect.stringMatching(/features "rowColumnar", "catalogManaged".* cannot read/),
        hint: expect.stringContaining('"rowColumnar", "catalogManaged"'),
      }),
    );
    expect(() => assertWritable(writerOnly('rowTracking'), PLAIN, 'lake/t@3')).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/feature "rowTracking".* cannot write/) }),
    );
  });

  it('is not raised for what can be done', () => {
    expect(() => assertReadable(legacy(1, 2), PLAIN, 'p')).not.toThrow();
    expect(() => assertReadable(writerOnly('rowTracking'), PLAIN, 'p')).not.toThrow();
    expect(() => assertWritable(legacy(1, 2), PLAIN, 'p')).not.toThrow();
  });
});
