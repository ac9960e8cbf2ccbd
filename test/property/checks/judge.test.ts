import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeValue } from '../../../src/checks/judge.js';
import { isMet, parseThreshold, type Threshold, valueText } from '../../../src/checks/threshold.js';

const OPERATORS = {
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '=': (a: number, b: number) => a === b,
  '!=': (a: number, b: number) => a !== b,
};
const number = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer({ min: 0, max: 1000 }).chain((n) => fc.integer({ min: 1, max: 1000 }).map((d) => (100 * n) / d)),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const threshold: fc.Arbitrary<Threshold> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...(Object.keys(OPERATORS) as (keyof typeof OPERATORS)[])), number)
    .map(([op, bound]) => parseThreshold(`${op} ${bound}`)),
  fc.tuple(number, number).map(([a, b]) => parseThreshold(`between ${Math.min(a, b)} and ${Math.max(a, b)}`)),
);
const RANK = { pass: 0, warn: 1, error: 2 };
const CAP = { info: 0, warn: 1, error: 2 };

describe('judging, for all numbers', () => {
  it('a threshold means what its text says', () => {
    fc.assert(
      fc.property(threshold, number, (t, value) => {
        if (t.op === 'between') return isMet(t, value) === (t.low <= value && value <= t.high);
        return isMet(t, value) === OPERATORS[t.op](value, t.bound);
      }),
    );
  });

  it('the level is the worst comparison that is met, capped by severity', () => {
    const severities = fc.constantFrom<'info' | 'warn' | 'error'>('info', 'warn', 'error');
    fc.assert(
      fc.property(fc.tuple(threshold, threshold, severities), number, ([warn, error, severity], value) => {
        const rules = { warn, error, severity, on_empty: undefined, on_null: undefined, unit: undefined };
        const wanted = isMet(error, value) ? 2 : isMet(warn, value) ? 1 : 0;
        const judged = judgeValue(rules, value);
        expect(RANK[judged.level]).toBe(Math.min(wanted, CAP[severity]));
        expect(judged.threshold === null).toBe(judged.level === 'pass');
      }),
    );
  });

  it('the text of a value is on the same side of every threshold as the value', () => {
    fc.assert(
      fc.property(fc.array(threshold, { maxLength: 2 }), number, (thresholds, value) => {
        const shown = Number(valueText(value, thresholds));
        for (const t of thresholds) expect(isMet(t, shown)).toBe(isMet(t, value));
      }),
      { numRuns: 500 },
    );
  });
});
