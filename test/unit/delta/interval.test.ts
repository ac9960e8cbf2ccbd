import { expect, it } from 'vitest';
import { byteCount } from '../../../src/delta/maintain/byte-count.js';
import { parseInterval } from '../../../src/delta/protocol/interval.js';

it.each([
  ['interval 1 week', 7 * 86_400_000],
  ['INTERVAL 30 days', 30 * 86_400_000],
  ['168 hours', 7 * 86_400_000],
  ['interval 1 day 2 hours 3 minutes 4 seconds 5 milliseconds', 93_784_005],
  ['interval 0 hours', 0],
  ['interval 1 month', undefined],
  ['7', undefined],
  ['', undefined],
  [undefined, undefined],
])('%s is %s milliseconds', (text, expected) => {
  expect(parseInterval(text)).toBe(expected);
});

it.each([
  ['134217728', 134_217_728],
  ['128mb', 134_217_728],
  ['128 MiB', 134_217_728],
  ['1.5g', 1_610_612_736],
  ['10b', 10],
  ['10x', undefined],
  ['mb', undefined],
  [undefined, undefined],
])('%s is %s bytes', (text, expected) => {
  expect(byteCount(text)).toBe(expected);
});
