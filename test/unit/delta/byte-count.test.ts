import { expect, it } from 'vitest';
import { byteCount } from '../../../src/delta/maintain/byte-count.js';

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
