import { describe, expect, it } from 'vitest';
import { isMet, parseThreshold, valueText } from '../../../src/checks/threshold.js';

describe('thresholds', () => {
  it.each([
    ['< 95', [94.999999, 94], [95, 95.1]],
    ['<= 95', [95, 94], [95.0000001]],
    ['> 0', [1, 1e-9], [0, -1]],
    ['>= 1e3', [1000, 1001], [999.999]],
    ['= 0', [0, -0], [1e-12]],
    ['!= -2.5', [2.5, 0], [-2.5]],
    ['between 1 and 5', [1, 3, 5], [0.99, 5.01]],
    ['BETWEEN -5 AND -1', [-5, -1], [0, -6]],
    ['<95', [94], [95]],
  ])('%s', (text, met, unmet) => {
    const threshold = parseThreshold(text);
    for (const value of met) expect(isMet(threshold, value), `${value} ${text}`).toBe(true);
    for (const value of unmet) expect(isMet(threshold, value), `${value} ${text}`).toBe(false);
  });

  it.each(['', '95', '<', '== 5', '<> 5', '< 5 %', '< 5 and > 2', 'between 1', '> x', '< NaN', '> 1e999', '=< 3'])(
    'refuses "%s"',
    (text) => expect(() => parseThreshold(text)).toThrow(/comparison|out of range/),
  );

  it('refuses a range that is empty', () => {
    expect(() => parseThreshold('between 5 and 1')).toThrow('can never be met');
    expect(parseThreshold('between 5 and 5')).toMatchObject({ low: 5, high: 5 });
  });

  it('shows as many digits as the judgement needs', () => {
    const below = parseThreshold('< 95');
    expect(valueText(94.996, [below])).toBe('94.996');
    expect(valueText(94.9999999, [below])).toBe('94.9999999');
    expect(valueText(85.714285714, [below])).toBe('85.71');
    expect(valueText(95, [below])).toBe('95');
    expect(valueText(99.999, [])).toBe('100');
    expect(valueText(0.004, [parseThreshold('> 0')])).toBe('0.004');
    expect(valueText(null, [below])).toBe('NULL');
    expect(valueText(94.99999999999999, [below])).toBe('94.99999999999999');
  });
});
