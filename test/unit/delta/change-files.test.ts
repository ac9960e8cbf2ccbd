import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/delta/index.js';
import { rowSet } from '../../../src/delta/protocol/row-set.js';
import { changeFiles, withoutRepeats } from '../../../src/delta/query/change-files.js';
import { rowDifference } from '../../../src/delta/query/row-difference.js';

const add = (path: string, more: object = {}): Action => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, ...more },
});
const remove = (path: string, more: object = {}): Action => ({ remove: { path, dataChange: true, ...more } });
const vector = (name: string) => ({ storageType: 'u', pathOrInlineDv: name, sizeInBytes: 1, cardinality: 1 });
const brief = (actions: Action[]) =>
  changeFiles({ version: 7, actions }).map(({ file, type, difference }) => [
    type ?? 'feed',
    file.path,
    file.deletionVector?.pathOrInlineDv ?? null,
    ...(difference === undefined ? [] : [difference.deleted.pathOrInlineDv, difference.kept?.pathOrInlineDv ?? null]),
  ]);

describe('the files whose rows a commit changed', () => {
  it('are what it added and removed, with their deletion vectors, unless data did not change', () => {
    const actions = [
      add('a', { deletionVector: vector('x') }),
      remove('b', { deletionVector: vector('y') }),
      add('c', { dataChange: false }),
      remove('d', { dataChange: false }),
    ];
    expect(brief(actions)).toEqual([
      ['insert', 'a', 'x'],
      ['delete', 'b', 'y'],
    ]);
  });

  it('are the change data files alone when there are some', () => {
    const cdc: Action = { cdc: { path: 'c', partitionValues: {}, size: 1, dataChange: false } };
    expect(brief([add('a'), remove('b'), cdc])).toEqual([['feed', 'c', null]]);
  });

  it('count by the difference when only the deletion vector changed', () => {
    const replace = (before: object, after: object) => brief([remove('a', before), add('a', after)]);
    const x = { deletionVector: vector('x') };
    const y = { deletionVector: vector('y') };
    expect(replace({}, x)).toEqual([['delete', 'a', null, 'x', null]]);
    expect(replace(x, {})).toEqual([['insert', 'a', null, 'x', null]]);
    expect(replace(x, y)).toEqual([
      ['delete', 'a', null, 'y', 'x'],
      ['insert', 'a', null, 'x', 'y'],
    ]);
    expect(replace({}, {})).toEqual([]);
  });

  it('are none for a merge that says it changed nothing', () => {
    const info = (metric: string): Action => ({
      commitInfo: {
        operation: 'MERGE',
        operationMetrics: { numTargetRowsInserted: '0', numTargetRowsUpdated: metric, numTargetRowsDeleted: '0' },
      },
    });
    expect(brief([info('0'), add('a'), remove('b')])).toEqual([]);
    expect(brief([info('1'), add('a'), remove('b')])).toHaveLength(2);
  });

  it('are put into groups in which no path is twice', () => {
    const files = changeFiles({ version: 1, actions: [add('a'), add('b')] });
    const again = changeFiles({ version: 2, actions: [remove('a')] });
    const groups = withoutRepeats([...files, ...again]).map((group) => group.map(({ file }) => file.path));
    expect(groups).toEqual([['a', 'b'], ['a']]);
  });
});

describe('rowDifference', () => {
  const rows = (text: string) => [...text].flatMap((char, i) => (char === 'x' ? [i] : []));
  it.each([
    ['xxxxx', '.....', 'xxxxx'],
    ['xxxxx', 'xxxxx', '.....'],
    ['xxxxx', '..x..', 'xx.xx'],
    ['xx.xx', '.xxx.', 'x...x'],
    ['x.x.x', 'xxxxx', '.....'],
    ['..xx..xx', 'xxx..xx.', '...x...x'],
    ['.....', 'xxx..', '.....'],
  ])('%s without %s', (all, others, left) => {
    const found = [...rowDifference(rowSet(rows(all)), rowSet(rows(others)))];
    expect(found.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))).toEqual(
      rows(left),
    );
  });

  it('equals the difference of sets for many sets', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 2147483648;
    };
    for (let i = 0; i < 300; i++) {
      const some = (density: number) => Array.from({ length: 80 }, (_, n) => n).filter(() => random() < density);
      const a = some(random());
      const b = some(random());
      const found = [...rowDifference(rowSet(a), rowSet(b))];
      const flat = found.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, n) => start + n));
      expect(flat).toEqual(a.filter((row) => !b.includes(row)));
    }
  });
});
