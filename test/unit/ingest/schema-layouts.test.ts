import { describe, expect, it } from 'vitest';
import { mergeLayouts, type SchemaVersion, type SeenLayout } from '../../../src/ingest/schema/index.js';

interface Delivery {
  readonly columns: string;
  readonly path: string;
  readonly date?: string;
  readonly pending?: boolean;
}

/** Versions after batches of files; the n-th batch is of minute n. */
function merged(...batches: readonly (readonly Delivery[])[]): readonly SchemaVersion[] {
  let known: readonly SchemaVersion[] = [];
  for (const [i, batch] of batches.entries()) {
    const layouts = batch.map(({ columns, path, date, pending = false }, no): SeenLayout => {
      const names = columns.split('');
      return {
        fingerprint: columns,
        columns: names.map((name) => ({ name, published: name, type: 'BIGINT' })),
        pending,
        files: [{ no, path, sha: `sha ${path}`, businessDate: date ?? null }],
      };
    });
    const now = `2026-01-01T00:0${i}:00Z`;
    known = mergeLayouts(known, { dataset: 'bronze.d', runId: 'r', layouts, now }).all;
  }
  return known;
}

function brief(versions: readonly SchemaVersion[]) {
  return versions.map((v) => [v.version, v.fingerprint, v.firstFile, v.lastFile, v.drifts.map(({ from }) => from)]);
}

describe('the versions of a dataset', () => {
  it('are numbered as layouts come, and know what they came after', () => {
    const batch = [
      { columns: 'ab', path: '1' },
      { columns: 'abc', path: '2' },
      { columns: 'ab', path: '3' },
      { columns: 'abc', path: '4' },
    ];
    const versions = merged(batch);
    expect(brief(versions)).toEqual([
      [1, 'ab', '1', '3', [null, 2]],
      [2, 'abc', '2', '4', [1]],
    ]);
    expect(versions[1]!.drifts[0]).toMatchObject({ from: 1, file: '2', added: ['c'], removed: [] });
    expect(versions[0]!.drifts[1]).toMatchObject({ from: 2, file: '3', added: [], removed: ['c'] });
    expect(brief(merged(...batch.map((file) => [file])))).toEqual(brief(versions));
    expect(brief(merged(batch, batch))).toEqual(brief(versions));
  });

  it('begin and end with the files of the first and the last day, whenever these come', () => {
    const versions = merged(
      [{ columns: 'ab', path: 'b', date: '2024-01-02' }],
      [{ columns: 'abc', path: 'd', date: '2024-01-04' }],
      [{ columns: 'ab', path: 'a', date: '2024-01-01' }],
      [{ columns: 'abc', path: 'c', date: '2024-01-03' }],
    );
    expect(versions).toMatchObject([
      {
        firstFile: 'a',
        firstSha: 'sha a',
        lastFile: 'b',
        firstBusinessDate: '2024-01-01',
        lastBusinessDate: '2024-01-02',
      },
      { firstFile: 'c', lastFile: 'd', firstSeenAt: '2026-01-01T00:01:00Z', lastSeenAt: '2026-01-01T00:03:00Z' },
    ]);
    // A file from before the last one is no return to an old layout.
    expect(versions[0]!.drifts.map(({ from }) => from)).toEqual([null]);
  });

  it('that wait to be accepted are none that others come after, and are never taken back', () => {
    const frozen = [
      [{ columns: 'ab', path: '1' }],
      [{ columns: 'abx', path: '2', pending: true }],
      [{ columns: 'aby', path: '3', pending: true }],
    ];
    const versions = merged(...frozen);
    expect(versions.map(({ status, acceptedAt }) => [status, acceptedAt])).toEqual([
      ['accepted', '2026-01-01T00:00:00Z'],
      ['pending', null],
      ['pending', null],
    ]);
    expect(versions[2]!.drifts).toMatchObject([{ from: 1, added: ['y'], removed: [] }]);
    const taken = merged(...frozen, [{ columns: 'abx', path: '2' }], [{ columns: 'abx', path: '4', pending: true }]);
    expect(taken[1]).toMatchObject({ status: 'accepted', acceptedAt: '2026-01-01T00:03:00Z', lastFile: '4' });
  });
});
