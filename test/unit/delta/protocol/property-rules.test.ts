import { describe, expect, it } from 'vitest';
import {
  assertMappingChange,
  assertNotInternal,
  assertProperty,
} from '../../../../src/delta/protocol/property-rules.js';

const usage = (message = '') =>
  expect.objectContaining({ code: 'USAGE', exitCode: 2, message: expect.stringContaining(message) });

describe('a table property', () => {
  it.each([
    ['delta.appendOnly', 'TRUE'],
    ['delta.checkpointInterval', '10'],
    ['delta.checkpointPolicy', 'v2'],
    ['delta.dataSkippingNumIndexedCols', '-1'],
    ['delta.dataSkippingStatsColumns', 'a, `b c`.d'],
    ['delta.deletedFileRetentionDuration', 'interval 1 week'],
    ['delta.isolationLevel', 'WriteSerializable'],
    ['delta.logRetentionDuration', 'interval 30 days'],
    ['delta.targetFileSize', '128mb'],
    ['delta.parquet.compression.codec', 'zstd'],
    ['delta.enableRowTracking', 'false'],
    ['delta.feature.deletionVectors', 'supported'],
    ['my.own.property', 'anything at all'],
    ['comment', ''],
  ])('%s may be %j', (name, value) => {
    expect(() => assertProperty(name, value)).not.toThrow();
  });

  it.each([
    ['delta.appendOnly', 'yes'],
    ['delta.checkpointInterval', '0'],
    ['delta.checkpointInterval', 'ten'],
    ['delta.checkpointPolicy', 'v3'],
    ['delta.dataSkippingNumIndexedCols', '1.5'],
    ['delta.deletedFileRetentionDuration', 'interval 1 fortnight'],
    ['delta.isolationLevel', 'SnapshotIsolation'],
    ['delta.targetFileSize', 'large'],
    ['delta.parquet.compression.codec', 'rar'],
    ['delta.enableRowTracking', 'true'],
    ['delta.enableIcebergCompatV1', 'true'],
  ])('%s may not be %j', (name, value) => {
    expect(() => assertProperty(name, value)).toThrow(usage(name));
  });

  it.each([
    'delta.columnMapping.maxColumnId',
    'delta.inCommitTimestampEnablementVersion',
    'delta.inCommitTimestampEnablementTimestamp',
    'delta.minReaderVersion',
    'delta.minWriterVersion',
  ])('%s is the writer’s own', (name) => {
    expect(() => assertProperty(name, '1')).toThrow(usage(name));
    expect(() => assertNotInternal(name)).toThrow(usage(name));
  });

  it('that Delta has not is refused with the one that was meant', () => {
    expect(() => assertProperty('delta.enableDeletionVektors', 'true')).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('delta.enableDeletionVectors') }),
    );
    for (const name of ['delta.constructor', 'delta.__proto__', 'delta.toString'])
      expect(() => assertProperty(name, '1')).toThrow(usage(name));
  });

  it('is no constraint', () => {
    expect(() => assertProperty('delta.constraints.c', 'a > 0')).toThrow(usage('constraint'));
  });
});

describe('the mode of column mapping', () => {
  const MODES = [undefined, 'none', 'name', 'id'];
  const legal = new Set(['none>name', 'none>none', 'name>name', 'id>id']);

  it.each(MODES.flatMap((before) => MODES.map((after) => [before, after] as const)))(
    'from %s to %s',
    (before, after) => {
      const work = () => assertMappingChange(before, after);
      if (legal.has(`${before ?? 'none'}>${after ?? 'none'}`)) expect(work).not.toThrow();
      else expect(work).toThrow(usage('cannot change'));
    },
  );
});
