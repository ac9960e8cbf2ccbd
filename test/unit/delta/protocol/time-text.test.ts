import { describe, expect, test } from 'vitest';
import {
  floorDivide,
  formatDate,
  formatTimestamp,
  parseDate,
  parseTimestamp,
} from '../../../../src/delta/protocol/time-text.js';

describe('dates', () => {
  test.each([
    ['1970-01-01', 0],
    ['1969-12-31', -1],
    ['2020-02-29', 18321],
    ['0001-01-01', -719162],
    ['0044-03-15 (BC)', -735160],
    ['-0043-03-15', -735160],
    ['12345-06-07', 3789548],
  ])('%s is day %d', (text, days) => {
    expect(parseDate(text)).toBe(days);
    expect(parseDate(formatDate(days))).toBe(days);
  });

  test.each([
    '2023-02-29',
    '2020-13-01',
    '2020-00-10',
    '2020-01-32',
    '20-01-01',
    '2020-01-01x',
    'infinity',
    '',
    '2020-01-01 00:00:00',
  ])('%j is no date', (text) => expect(parseDate(text)).toBeUndefined());
});

describe('timestamps', () => {
  test.each([
    ['2020-01-01T00:00:00.123Z', 1577836800123000n, true],
    ['2020-01-01 00:00:00.123456+00', 1577836800123456n, true],
    ['2020-01-01T00:00:00.000-08:00', 1577865600000000n, true],
    ['2020-01-01T05:30:00+0530', 1577836800000000n, true],
    ['2020-01-01T00:00:00 UTC', 1577836800000000n, true],
    ['2020-01-01 00:00:00', 1577836800000000n, false],
    ['2020-01-01T00:00', 1577836800000000n, false],
    ['2020-01-01', 1577836800000000n, false],
    ['2020-01-01 00:00:00.123456789', 1577836800123456n, false],
    ['1969-12-31 23:59:59.999999', -1n, false],
    ['9999-12-31 23:59:59.999999+00', 253402300799999999n, true],
    ['0044-01-01 (BC) 00:00:00+00', -63524131200000000n, true],
  ])('%s', (text, micros, zoned) => {
    const parsed = parseTimestamp(text);
    expect(parsed).toEqual({ micros, zoned });
    const again = formatTimestamp(parsed!.micros, 'T', 6);
    expect(parseTimestamp(again)?.micros).toBe(parsed!.micros);
  });

  test.each([
    'infinity',
    '-infinity',
    '2020-01-01 24:00:00',
    '2020-01-01 00:60:00',
    '2020-01-01 00:00:60',
    '2020-01-01 00',
    'x',
    '',
    '2020-01-01 00:00:00 PST',
    '2020-02-30 00:00:00',
  ])('%j is no timestamp', (text) => expect(parseTimestamp(text)).toBeUndefined());

  test('cut digits are lost towards the past', () => {
    expect(formatTimestamp(-1n, ' ', 0)).toBe('1969-12-31 23:59:59');
    expect(formatTimestamp(-1n, ' ', 3)).toBe('1969-12-31 23:59:59.999');
    expect(formatTimestamp(-1n, 'T', 6)).toBe('1969-12-31T23:59:59.999999');
    expect([floorDivide(-1n, 1000n), floorDivide(-1000n, 1000n), floorDivide(999n, 1000n)]).toEqual([-1n, -1n, 0n]);
  });
});
