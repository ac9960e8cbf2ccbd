import { describe, expect, it } from 'vitest';
import { Replay } from '../../../src/delta/log/replay.js';
import type { Action, AddFile, DeletionVector } from '../../../src/delta/protocol/actions.js';

const dv = (pathOrInlineDv: string): DeletionVector => ({
  storageType: 'u',
  pathOrInlineDv,
  offset: 1,
  sizeInBytes: 40,
  cardinality: 2,
});
const file = (path: string, vector?: string): AddFile => ({
  path,
  partitionValues: {},
  size: 1,
  modificationTime: 1,
  dataChange: true,
  ...(vector === undefined ? {} : { deletionVector: dv(vector) }),
});
const add = (path: string, vector?: string): Action => ({ add: file(path, vector) });
const remove = (path: string, vector?: string): Action => ({ remove: file(path, vector) });
const protocol: Action = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
const metaData: Action = {
  metaData: { id: 'm', format: { provider: 'parquet' }, schemaString: '', partitionColumns: [], configuration: {} },
};
const txn: Action = { txn: { appId: 'a', version: 1 } };
const domain: Action = { domainMetadata: { domain: 'd', configuration: '', removed: false } };

function replay(...commits: readonly (readonly Action[])[]): Replay {
  const state = new Replay();
  for (const [version, actions] of commits.entries()) state.apply({ actions, place: `${version}.json` });
  return state;
}

const live = (state: Replay) =>
  [...state.files.values()].map((f) => `${f.path} ${f.deletionVector?.pathOrInlineDv ?? ''}`.trim());

describe('replay', () => {
  it('keeps the newest of everything', () => {
    const state = replay(
      [add('a'), add('b'), txn],
      [remove('a'), add('c'), { txn: { appId: 'a', version: 0 } }],
      [add('a')],
    );
    expect(live(state)).toEqual(['b', 'c', 'a']);
    expect(state.tombstones.size).toBe(0);
    expect(state.txns.get('a')?.version).toBe(0);
  });

  it.each([
    ['before', [remove('a'), add('a', 'one')], [remove('a', 'one'), add('a', 'two')]],
    ['after', [add('a', 'one'), remove('a')], [add('a', 'two'), remove('a', 'one')]],
  ])('a file gets another deletion vector, its old one removed %s', (_, first, second) => {
    const state = replay([add('a')], first, second);
    expect(live(state)).toEqual(['a two']);
    expect([...state.tombstones.keys()]).toEqual(['a', 'a\u0000uone@1']);
  });

  it('a removal of another deletion vector leaves the file', () => {
    expect(live(replay([add('a', 'two')], [remove('a', 'one')]))).toEqual(['a two']);
  });

  it('absolute paths are one file in every spelling', () => {
    expect(
      live(replay([add('/x/a')], [remove('file:///x/a')], [add('file:/x/b'), add('c')], [remove('/x/b')])),
    ).toEqual(['c']);
  });

  it.each<[string, Action[], Action[]]>([
    ['protocol', [], [protocol, protocol]],
    ['metaData', [], [metaData, metaData]],
    ['txn', [], [txn, { txn: { appId: 'a', version: 2 } }]],
    ['domainMetadata', [], [domain, domain]],
    ['add', [], [add('a'), add('b'), add('a')]],
    ['add', [add('a')], [add('b'), add('a'), add('a')]],
    ['add', [], [add('a', 'one'), add('a', 'two')]],
    ['add', [], [add('/x/a'), add('file:/x/a')]],
    ['remove', [add('a')], [remove('a'), remove('a')]],
    ['remove', [remove('a')], [remove('b'), remove('a'), remove('a')]],
    ['second deletion vector', [add('a')], [add('a', 'one')]],
    ['second deletion vector', [add('a', 'one')], [add('a', 'two'), remove('a')]],
  ])('two actions for one thing in a commit are damage: %s', (what, before, commit) => {
    const state = replay(before);
    expect(() => state.apply({ actions: commit, place: '7.json' })).toThrow(
      expect.objectContaining({ code: 'DELTA_LOG', place: '7.json', message: expect.stringContaining(what) }),
    );
  });

  it('the same in two commits is none', () => {
    const commit = [add('a'), remove('b'), txn, domain, protocol, metaData];
    expect(live(replay(commit, commit, commit))).toEqual(['a']);
  });
});
