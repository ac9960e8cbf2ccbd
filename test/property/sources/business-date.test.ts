import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { businessDateReader } from '../../../src/sources/index.js';

const day = fc.date({ min: new Date('0100-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const text = fc.string({ unit: fc.constantFrom('a', 'Z', '_', '.', '-', ' ', '+', '(', '[', '$', 'é', '\u{1f986}') });
const folders = fc.array(text, { maxLength: 3 }).map((parts) => parts.map((part) => `${part}/`).join(''));

function parts(date: Date) {
  const iso = date.toISOString().slice(0, 10);
  const [yyyy = '', MM = '', dd = ''] = iso.split('-');
  return { iso, yyyy, MM, dd, compact: yyyy + MM + dd };
}

describe('the business date of a path', () => {
  it('is the one that was written into it, whatever stands around', () => {
    fc.assert(
      fc.property(day, folders, text, (date, above, name) => {
        const { iso, yyyy, MM, dd, compact } = parts(date);
        const literal = name.replaceAll('[', '');
        const cases: readonly (readonly [string, string])[] = [
          [`${literal}{yyyyMMdd}.csv`, `${above}${literal}${compact}.csv`],
          [`${literal}{yyyyMMdd}`, `${above}${literal}${compact}.csv.gz`],
          [`${literal}{yyyy-MM-dd}.csv`, `${above}x${literal}${iso}.csv`],
          ['d={yyyy-MM-dd}/*', `${above}d=${iso}/${name}x`],
          ['{yyyy}/{MM}/{dd}/*.csv', `${above}${yyyy}/${MM}/${dd}/${name}.csv`],
          ['y={yyyy}/**/x-{MM}{dd}.{csv,json}', `${above}y=${yyyy}/${above}x-${MM}${dd}.json`],
          ['{dd}.{MM}.{yyyy}', `${above}${dd}.${MM}.${yyyy}`],
          ['{yyyy}/{yyyyMMdd}.csv', `${yyyy}/${compact}.csv`],
          ['*_{yyyyMMdd}_*', `${above}a_${compact}_b.csv`],
        ];
        for (const [pattern, path] of cases)
          expect([pattern, businessDateReader(pattern)(path)]).toEqual([pattern, iso]);
      }),
    );
  });

  it('is null for eight digits that are no date, and else exactly that date', () => {
    const read = businessDateReader('x-{yyyyMMdd}.csv');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9999 }), fc.nat(99), fc.nat(99), (year, month, date) => {
        const two = (value: number) => String(value).padStart(2, '0');
        const iso = `${String(year).padStart(4, '0')}-${two(month)}-${two(date)}`;
        const days = [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31, 30, 31, 30];
        const all = [...days, 31, 31, 30, 31, 30, 31];
        const exists = month >= 1 && month <= 12 && date >= 1 && date <= (all[month - 1] ?? 0);
        expect(read(`x-${iso.replaceAll('-', '')}.csv`)).toBe(exists ? iso : null);
      }),
      {
        numRuns: 2000,
        examples: [
          [2020, 13, 45],
          [2020, 2, 30],
          [1900, 2, 29],
          [2000, 2, 29],
        ],
      },
    );
  });

  it('is null where the end of the path does not match', () => {
    const read = businessDateReader('r-{yyyyMMdd}.csv');
    for (const path of [
      '',
      'r-.csv',
      'r-2020022.csv',
      'r-20200224.csvx/y',
      'r-20200224.json',
      'r-20200224/x',
      'r-202002244.csv',
    ]) {
      expect([path, read(path)]).toEqual([path, null]);
    }
    expect(businessDateReader('{yyyyMMdd}.csv')('120200224.csv')).toBeNull();
    expect(businessDateReader('{yyyy}/{yyyyMMdd}')('2021/20200224.csv')).toBeNull();
  });

  it('needs a pattern with a whole date', () => {
    for (const pattern of ['x.csv', '', '{yyyy}', '{yyyy}{MM}', '{MM}{dd}', '{yyyyMMDD}', '{date}-{yyyyMMdd}']) {
      expect(() => businessDateReader(pattern)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    }
  });
});
