import { describe, expect, it } from 'vitest';
import type { Metadata, Protocol } from '../../../src/delta/protocol/actions.js';
import {
  assertReadable,
  assertWritable,
  unreadableFeatures,
  unwritableFeatures,
} from '../../../src/delta/protocol/features.js';

function metadata(configuration: Record<string, string> = {}, fieldMetadata: object = {}): Metadata {
  return {
    id: 'm',
    format: { provider: 'parquet' },
    schemaString: JSON.stringify({
      type: 'struct',
      fields: [{ name: 'a', type: 'long', nullable: true, metadata: fieldMetadata }],
    }),
    partitionColumns: [],
    configuration,
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
const MAPPED = metadata({ 'delta.columnMapping.mode': 'name' });

describe('legacy versions', () => {
  it.each([1, 2, 3, 4, 5, 6])('writer %i that uses none of its features is written', (version) => {
    expect(unwritableFeatures(legacy(1, version), PLAIN)).toEqual([]);
    expect(unreadableFeatures(legacy(1, version), PLAIN)).toEqual([]);
  });

  it.each([
    ['invariants', 2, metadata({}, { 'delta.invariants': '{"expression":{"expression":"a > 0"}}' })],
    ['checkConstraints', 3, metadata({ 'delta.constraints.positive': 'a > 0' })],
    ['changeDataFeed', 4, metadata({ 'delta.enableChangeDataFeed': 'true' })],
    ['changeDataFeed', 4, metadata({ 'delta.enableChangeDataFeed': 'TRUE' })],
    ['generatedColumns', 4, metadata({}, { 'delta.generationExpression': 'b + 1' })],
    ['columnMapping', 5, MAPPED],
    ['identityColumns', 6, metadata({}, { 'delta.identity.start': 1 })],
  ])('%s is refused from writer %i on, when it is used', (feature, since, used) => {
    expect(unwritableFeatures(legacy(1, since), used)).toEqual([feature]);
    expect(unwritableFeatures(legacy(1, since - 1), used)).toEqual([]);
  });

  it('change data feed that is switched off is no obstacle', () => {
    expect(unwritableFeatures(legacy(1, 4), metadata({ 'delta.enableChangeDataFeed': 'false' }))).toEqual([]);
  });

  it('reader 2 is read unless column mapping is on', () => {
    expect(unreadableFeatures(legacy(2, 5), PLAIN)).toEqual([]);
    expect(unreadableFeatures(legacy(2, 5), metadata({ 'delta.columnMapping.mode': 'none' }))).toEqual([]);
    expect(unreadableFeatures(legacy(2, 5), MAPPED)).toEqual(['columnMapping']);
    expect(unreadableFeatures(legacy(2, 5), metadata({ 'delta.columnMapping.mode': 'id' }))).toEqual(['columnMapping']);
  });

  it('versions from the future are refused by number', () => {
    expect(unreadableFeatures(legacy(4, 7), PLAIN)).toEqual(['reader version 4']);
    expect(unwritableFeatures(legacy(1, 8), PLAIN)).toEqual(['writer version 8']);
  });
});

describe('named features', () => {
  it.each(['timestampNtz', 'vacuumProtocolCheck'])('%s is read and written', (feature) => {
    expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([]);
    expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([]);
  });

  it.each(['deletionVectors', 'v2Checkpoint', 'typeWidening', 'variantType', 'neverHeardOf'])(
    '%s is neither read nor written',
    (feature) => {
      expect(unreadableFeatures(named([feature]), PLAIN)).toEqual([feature]);
      expect(unwritableFeatures(named([feature]), PLAIN)).toEqual([feature]);
    },
  );

  it.each(['rowTracking', 'inCommitTimestamp', 'domainMetadata', 'clustering', 'icebergCompatV1', 'neverHeardOf'])(
    '%s for writers only: read, not written',
    (feature) => {
      expect(unreadableFeatures(writerOnly(feature), PLAIN)).toEqual([]);
      expect(unwritableFeatures(writerOnly(feature), PLAIN)).toEqual([feature]);
    },
  );

  it.each(['checkConstraints', 'changeDataFeed', 'generatedColumns', 'identityColumns', 'columnMapping', 'invariants'])(
    '%s that is allowed but not used is written',
    (feature) => {
      expect(unwritableFeatures(writerOnly(feature), PLAIN)).toEqual([]);
    },
  );

  it('a property whose feature is not listed means nothing', () => {
    const configured = metadata({ 'delta.constraints.c': 'a > 0', 'delta.enableChangeDataFeed': 'true' });
    expect(unwritableFeatures(writerOnly('appendOnly'), configured)).toEqual([]);
  });

  it('column mapping by name: mode none is read and written, any other is not', () => {
    expect(unreadableFeatures(named(['columnMapping']), PLAIN)).toEqual([]);
    expect(unwritableFeatures(named(['columnMapping']), PLAIN)).toEqual([]);
    expect(unreadableFeatures(named(['columnMapping']), MAPPED)).toEqual(['columnMapping']);
    expect(unwritableFeatures(named(['columnMapping']), MAPPED)).toEqual(['columnMapping']);
  });
});

describe('the refusal', () => {
  it('names every feature, what cannot be done, and where', () => {
    const protocol = named(['deletionVectors', 'timestampNtz', 'v2Checkpoint']);
    const read = () => assertReadable(protocol, PLAIN, 'lake/t@3');
    expect(read).toThrow(
      expect.objectContaining({
        code: 'DELTA_UNSUPPORTED',
        place: 'lake/t@3',
        exitCode: 3,
        message: expect.stringMatching(/features "deletionVectors", "v2Checkpoint".* cannot read/),
        hint: expect.stringContaining('"deletionVectors", "v2Checkpoint"'),
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
