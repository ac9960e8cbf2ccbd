import { describe, expect, test } from 'vitest';
import { LakeError } from '../../../../src/base/lake-error.js';
import { parsePartitionValue, serializePartitionValue } from '../../../../src/delta/protocol/partition-values.js';
import type { DeltaType, PrimitiveName } from '../../../../src/delta/protocol/schema.js';

const type = (name: PrimitiveName): DeltaType => ({ kind: 'primitive', name });

describe('reading what writers wrote', () => {
  test.each<[PrimitiveName, string | null, string | null]>([
    ['string', null, null],
    ['string', '', null],
    ['string', ' x ', ' x '],
    ['long', '', null],
    ['long', '9223372036854775807', '9223372036854775807'],
    ['integer', '+007', '7'],
    ['byte', '-128', '-128'],
    ['boolean', 'TRUE', 'true'],
    ['date', '2020-01-02', '2020-01-02'],
    ['date', '2020-1-2', '2020-01-02'],
    ['timestamp', '2020-01-01T08:00:00.123456Z', '2020-01-01 08:00:00.123456+00'],
    ['timestamp', '2020-01-01 08:00:00', '2020-01-01 08:00:00.000000+00'],
    ['timestamp', '2020-01-01 08:00:00.5', '2020-01-01 08:00:00.500000+00'],
    ['timestamp', '2020-01-01T00:00:00.000-08:00', '2020-01-01 08:00:00.000000+00'],
    ['timestamp_ntz', '2020-01-01 08:00:00', '2020-01-01 08:00:00'],
    ['timestamp_ntz', '2020-01-01T08:00:00.12', '2020-01-01 08:00:00.120000'],
    ['timestamp_ntz', '2020-01-01T08:00:00Z', '2020-01-01 08:00:00'],
    ['double', '1', '1.0'],
    ['double', '1e10', '1.0E10'],
    ['double', '0.001', '0.001'],
    ['double', '0.0001', '1.0E-4'],
    ['double', '12345678.5', '1.23456785E7'],
    ['double', '-0', '-0.0'],
    ['double', 'inf', 'Infinity'],
    ['float', '-Infinity', '-Infinity'],
    ['float', 'nan', 'NaN'],
    ['decimal(5,2)', '1.2', '1.20'],
    ['decimal(5,2)', '-0.05', '-0.05'],
    ['decimal(5,2)', '001.200', '1.20'],
    ['decimal(5,2)', '1E+2', '100.00'],
    ['decimal(18,18)', '0E-18', '0.000000000000000000'],
    ['decimal(18,7)', '1E-7', '0.0000001'],
    ['decimal(38,0)', '99999999999999999999999999999999999999', '99999999999999999999999999999999999999'],
    ['binary', '\u0001\u0002é', '\\x01\\x02\\xC3\\xA9'],
  ])('%s %j is %j', (name, text, value) => expect(parsePartitionValue(type(name), text)).toBe(value));

  test.each<[PrimitiveName, string]>([
    ['long', '9223372036854775808'],
    ['byte', '128'],
    ['integer', '1.0'],
    ['integer', 'x'],
    ['boolean', '1'],
    ['date', '2020-02-30'],
    ['date', 'infinity'],
    ['timestamp', '2020-01-01 25:00:00'],
    ['timestamp_ntz', '2020-01-01T08:00:00+05:00'],
    ['decimal(5,2)', '1000.00'],
    ['decimal(5,2)', '1.234'],
    ['decimal(5,2)', '1E400'],
    ['decimal(5,2)', '1E-999999999'],
    ['decimal(5,2)', 'NaN'],
    ['double', '1.2.3'],
    ['double', 'constructor'],
    ['double', '1e999999999'],
  ])('%s refuses %j', (name, text) => {
    expect(() => parsePartitionValue(type(name), text)).toThrow(
      expect.objectContaining({ code: 'DELTA_PARTITION_VALUE', message: expect.stringContaining(name) }),
    );
  });

  test('a nested type cannot partition a table', () => {
    expect(() => parsePartitionValue({ kind: 'array', element: type('long'), containsNull: true }, '1')).toThrow(
      LakeError,
    );
  });
});

describe('writing', () => {
  test.each<[PrimitiveName, string | null, string | null]>([
    ['string', '', null],
    ['string', null, null],
    ['string', 'a=b/c', 'a=b/c'],
    ['timestamp', '2020-01-01 08:00:00.5+00', '2020-01-01T08:00:00.500000Z'],
    ['timestamp', '2020-01-01 08:00:00+00', '2020-01-01T08:00:00.000000Z'],
    ['timestamp_ntz', '2020-01-01 08:00:00', '2020-01-01 08:00:00'],
    ['timestamp_ntz', '2020-01-01 08:00:00.5', '2020-01-01 08:00:00.500000'],
    ['double', '1e+300', '1.0E300'],
    ['double', '10000000.0', '1.0E7'],
    ['double', '1234567.5', '1234567.5'],
    ['double', 'inf', 'Infinity'],
    ['double', '-inf', '-Infinity'],
    ['float', 'nan', 'NaN'],
    ['decimal(9,3)', '1.500', '1.500'],
    ['boolean', 'true', 'true'],
    ['binary', 'a\\x00\\x5C', 'a\u0000\\'],
    ['binary', '\\xC3\\xA9', 'é'],
  ])('%s %j becomes %j', (name, value, text) => expect(serializePartitionValue(type(name), value)).toBe(text));

  test.each<[PrimitiveName, string]>([
    ['date', 'infinity'],
    ['timestamp', '-infinity'],
    ['binary', '\\xFF'],
  ])('%s %j cannot be kept', (name, value) => {
    expect(() => serializePartitionValue(type(name), value)).toThrow(
      expect.objectContaining({ code: 'DELTA_PARTITION_VALUE' }),
    );
  });
});
