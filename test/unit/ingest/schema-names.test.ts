import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutFingerprint, tableNames } from '../../../src/ingest/schema/index.js';

function namesOf(names: readonly string[]): string[] {
  return tableNames(names.map((name) => ({ name, type: 'TEXT' })));
}

describe('the names of columns in a table', () => {
  it.each([
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a', '', ' '],
      ['a', 'column1', 'column2'],
    ],
    [
      ['a', 'A', 'a', 'a_1'],
      ['a', 'A_1', 'a_2', 'a_1_1'],
    ],
    [
      ['N Tests', 'a,b;c{d}(e)=f\tg\nh'],
      ['N_Tests', 'a_b_c_d__e__f_g_h'],
    ],
    [
      ['total  ', '\ttotal'],
      ['total', 'total_1'],
    ],
    [
      ['_file_sha', '_Row_No', '_change', '_file_no', 'ok'],
      ['_file_sha_1', '_Row_No_1', '_change_1', '_file_no_1', 'ok'],
    ],
    [
      ['', 'column0'],
      ['column0', 'column0_1'],
    ],
    [
      ['größe', '数', 'a.b', 'a-b'],
      ['größe', '数', 'a.b', 'a-b'],
    ],
  ])('of %j are %j', (published, names) => {
    expect(namesOf(published)).toEqual(names);
  });

  it('are as many as the columns, all different, and fit for Delta', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('', 'a', 'A', 'a_1', '_run_id', ' ', '\u0000'))),
        (published) => {
          const names = namesOf(published);
          expect(names).toHaveLength(published.length);
          expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
          for (const name of names) expect(name).toMatch(/^[^ ,;{}()=\n\t\0]+$/);
        },
      ),
    );
  });
});

describe('the fingerprint of a layout', () => {
  it('changes with names, their order, and types', () => {
    const prints = [
      layoutFingerprint([]),
      layoutFingerprint(['a']),
      layoutFingerprint(['a', 'b']),
      layoutFingerprint(['b', 'a']),
      layoutFingerprint(['a,b']),
      layoutFingerprint(['A', 'b']),
      layoutFingerprint(['a', '']),
      layoutFingerprint(['a', 'b'], ['BIGINT', 'BIGINT']),
      layoutFingerprint(['a', 'b'], ['BIGINT', 'DOUBLE']),
    ];
    expect(new Set(prints).size).toBe(prints.length);
    expect(layoutFingerprint(['a', 'b'])).toBe(layoutFingerprint(['a', 'b']));
    expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});
