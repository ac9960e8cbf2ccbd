import { describe, expect, it } from 'vitest';
import { classifyDrift, driftWords, type LayoutColumn } from '../../../src/ingest/schema/index.js';

const NONE = { added: [], removed: [], retyped: [], reordered: false, renamed: [] };

function layout(text: string): LayoutColumn[] {
  return text.split(',').map((part) => {
    const [name = '', type] = part.split(':');
    return { name, ...(type === undefined ? {} : { type }) };
  });
}

describe('the drift between two layouts', () => {
  it.each<[string, string, string, object]>([
    ['nothing', 'a,b', 'a,b', {}],
    ['a column more', 'a,b', 'a,x,b', { added: ['x'] }],
    ['a column less', 'a,b,c', 'a,c', { removed: ['b'] }],
    ['another order', 'a,b,c', 'c,a,b', { reordered: true }],
    ['another order beside a new column', 'a,b', 'x,b,a', { added: ['x'], reordered: true }],
    ['a new column is no other order', 'a,b', 'x,a,y,b,z', { added: ['x', 'y', 'z'] }],
    ['a name in other letters', 'a,Total', 'a,total', { renamed: [{ from: 'Total', to: 'total' }] }],
    ['a rename in its place', 'a,b,c', 'a,x,c', { renamed: [{ from: 'b', to: 'x' }] }],
    [
      'a short name for a long one',
      'x,lat,long',
      'latitudine,longitudine,x',
      {
        renamed: [
          { from: 'lat', to: 'latitudine' },
          { from: 'long', to: 'longitudine' },
        ],
      },
    ],
    [
      'a rename that moved',
      'total_cases,a,b',
      'a,b,cases_total',
      { renamed: [{ from: 'total_cases', to: 'cases_total' }] },
    ],
    ['no rename to something else elsewhere', 'a,b,c', 'b,c,xyz', { added: ['xyz'], removed: ['a'] }],
    ['no rename to another type', 'a,b:BIGINT', 'a,x:DATE', { added: ['x'], removed: ['b'] }],
    [
      'the place before the likeness',
      'd,totale_attuali,nuovi_attuali,e',
      'd,totale_positivi,variazione,nuovi_positivi,e',
      {
        added: ['nuovi_positivi'],
        renamed: [
          { from: 'totale_attuali', to: 'totale_positivi' },
          { from: 'nuovi_attuali', to: 'variazione' },
        ],
      },
    ],
    [
      'two notes that became one',
      'a,note_it,note_en',
      'a,note',
      { removed: ['note_en'], renamed: [{ from: 'note_it', to: 'note' }] },
    ],
    ['a column without a name', 'a', 'a,', { added: [''] }],
    ['all columns gone', 'a', 'total', { renamed: [{ from: 'a', to: 'total' }] }],
  ])('is %s', (_what, before, after, drift) => {
    expect(classifyDrift(layout(before), layout(after))).toEqual({ ...NONE, ...drift });
  });

  it('has a type that changed only where files say their types', () => {
    const typed = (fileType: string, type = fileType) => [{ name: 'a', type, fileType }];
    expect(classifyDrift(typed('BIGINT'), typed('DOUBLE'))).toEqual({
      ...NONE,
      retyped: [{ column: 'a', from: 'BIGINT', to: 'DOUBLE' }],
    });
    expect(classifyDrift(layout('a:BIGINT'), layout('a:DOUBLE'))).toEqual(NONE);
    expect(classifyDrift(layout('a:BIGINT'), typed('DOUBLE'))).toEqual(NONE);
  });

  it('is told in words', () => {
    const drift = classifyDrift(
      [{ name: 'gone' }, { name: 'x' }, { name: 'y' }, { name: 'lat' }, { name: 't', fileType: 'DATE' }],
      [{ name: 'y' }, { name: 'latitude' }, { name: 'x' }, { name: 't', fileType: 'VARCHAR' }, { name: '' }],
    );
    expect(driftWords(drift)).toEqual([
      'added: (without a name)',
      'removed: gone',
      'probably renamed: lat → latitude',
      'retyped: t from DATE to VARCHAR',
      'the columns stand in another order',
    ]);
    expect(driftWords(NONE)).toEqual([]);
  });
});
