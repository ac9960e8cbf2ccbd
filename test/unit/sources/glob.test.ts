import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../src/sources/glob.js';

describe('a glob of sources', () => {
  it('without wildcard matches itself, whatever characters it has', () => {
    const name = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !/[*?[{/]/.test(text));
    fc.assert(
      fc.property(name, (text) => {
        expect(globMatcher(`/${text}`)(text)).toBe(true);
      }),
    );
  });

  it.each([
    ['regioni-*.csv', 'a/b/regioni-20200224.csv', true],
    ['regioni-*.csv', 'regioni_20200224.csv', false],
    ['data-2/[!a-c]-?.{csv,t-v}', 'data-2/d-1.t-v', true],
    ['data-2/[!a-c]-?.{csv,t-v}', 'data-2/b-1.csv', false],
    ['/*.csv', 'a/b.csv', false],
    ['a/**/b.csv', 'a/b.csv', true],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(globMatcher(pattern)(path)).toBe(expected);
  });
});
