import { describe, expect, it } from 'vitest';
import type { Action, AddFile, CommitInfo, Metadata, Protocol } from '../../../src/delta/protocol/actions.js';
import {
  findConflict,
  type IsolationLevel,
  isBlindAppend,
  isolationLevel,
  NO_READS,
  type Reads,
  rearrangesOnly,
} from '../../../src/delta/write/conflicts.js';

const LEVELS: readonly IsolationLevel[] = ['Serializable', 'WriteSerializable', 'SnapshotIsolation'];

const add = (path: string, dataChange = true): Action => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange },
});
const remove = (path: string, dataChange = true): Action => ({ remove: { path, dataChange } });
const txn = (appId: string): Action => ({ txn: { appId, version: 1 } });
const domain = (name: string): Action => ({ domainMetadata: { domain: name, configuration: '', removed: false } });
const info = (commitInfo: CommitInfo): Action => ({ commitInfo });
const METADATA: Metadata = {
  id: 'm',
  format: { provider: 'parquet' },
  schemaString: '{"type":"struct","fields":[]}',
  partitionColumns: [],
  configuration: {},
};
const metaData: Action = { metaData: METADATA };
const LEGACY: Protocol = { minReaderVersion: 1, minWriterVersion: 2 };

const BLIND = info({ operation: 'WRITE', isBlindAppend: true });
const NOT_BLIND = info({ operation: 'MERGE', isBlindAppend: false });
const UNSAID = info({ operation: 'WRITE' });

interface Case {
  readonly mine?: readonly Action[];
  readonly reads?: Partial<Reads>;
  readonly isolation?: IsolationLevel;
  readonly protocol?: Protocol;
  readonly winner: readonly Action[];
}

function kindOf({
  mine = [add('mine')],
  reads = {},
  isolation = 'Serializable',
  protocol = LEGACY,
  winner,
}: Case): string | undefined {
  const me = { actions: mine, reads: { ...NO_READS, ...reads }, isolation, protocol, metadata: METADATA };
  return findConflict(me, { version: 4, actions: winner })?.kind;
}

const MERGE = { mine: [remove('read'), add('rewritten')], reads: { files: new Set(['read']), mightRead: () => true } };
const OPTIMIZE = {
  mine: [remove('small', false), add('big', false)],
  reads: { files: new Set(['small']) },
  isolation: 'SnapshotIsolation' as const,
};
const ANYBODY = [
  ['a blind append', {}],
  ['a merge', MERGE],
  ['an optimize', OPTIMIZE],
  ['a change of metadata', { mine: [metaData] }],
] as const;

const features = (...names: string[]): Protocol => ({
  minReaderVersion: 3,
  minWriterVersion: 7,
  readerFeatures: names.filter((name) => /deletionVectors|columnMapping|catalogManaged/.test(name)),
  writerFeatures: names,
});

describe('1: the winner changed the protocol', () => {
  it.each([
    ['to one that cannot be read', features('appendOnly', 'invariants', 'catalogManaged')],
    ['to one that cannot be written', features('appendOnly', 'invariants', 'rowTracking')],
    ['without a feature of before', features('appendOnly')],
    ['with a feature that every file has to follow', features('appendOnly', 'invariants', 'checkConstraints')],
    ['with generated columns', { minReaderVersion: 1, minWriterVersion: 4 }],
    ['to a version of the future', { minReaderVersion: 1, minWriterVersion: 8 }],
  ])('%s: nobody may follow', (_, protocol) => {
    for (const [, mine] of ANYBODY) expect(kindOf({ ...mine, winner: [BLIND, { protocol }] })).toBe('ProtocolChanged');
  });

  it.each([
    'changeDataFeed',
    'columnMapping',
    'deletionVectors',
    'domainMetadata',
    'inCommitTimestamp',
    'timestampNtz',
    'typeWidening',
    'v2Checkpoint',
    'vacuumProtocolCheck',
  ])('only by %s: others follow', (feature) => {
    const protocol = features('appendOnly', 'invariants', feature);
    for (const [, mine] of ANYBODY) expect(kindOf({ ...mine, winner: [BLIND, { protocol }] })).toBeUndefined();
    expect(kindOf({ mine: [{ protocol }], winner: [{ protocol }] })).toBe('ProtocolChanged');
  });

  it('to the same one: others follow, unless they change it too', () => {
    expect(kindOf({ ...MERGE, winner: [{ protocol: LEGACY }] })).toBeUndefined();
    expect(kindOf({ mine: [{ protocol: LEGACY }], winner: [{ protocol: LEGACY }] })).toBe('ProtocolChanged');
  });

  it('comes before everything else', () => {
    const protocol = features('rowTracking');
    expect(kindOf({ ...MERGE, winner: [remove('read'), metaData, { protocol }] })).toBe('ProtocolChanged');
  });
});

describe('2: the winner changed the metadata', () => {
  it.each(ANYBODY)(
    '%s gives way, whatever changed (a stated difference to Spark, which lets some changes pass)',
    (_, mine) => {
      expect(kindOf({ ...mine, winner: [BLIND, metaData] })).toBe('MetadataChanged');
      for (const isolation of LEVELS)
        expect(kindOf({ ...mine, isolation, winner: [metaData] })).toBe('MetadataChanged');
    },
  );

  it('my own change follows appends that it did not read', () => {
    expect(kindOf({ mine: [metaData], winner: [BLIND, add('w')] })).toBeUndefined();
  });
});

describe('3 and 4: domains and transactions', () => {
  it.each(LEVELS)('one domain changed by both conflicts, %s', (isolation) => {
    expect(kindOf({ isolation, mine: [domain('d')], winner: [domain('d')] })).toBe('ConcurrentTransaction');
    expect(kindOf({ isolation, mine: [domain('d')], winner: [domain('e')] })).toBeUndefined();
    expect(kindOf({ isolation, winner: [domain('d')] })).toBeUndefined();
  });

  it.each(LEVELS)(
    'an application whose txn I read conflicts; another one, or one that I only write, does not, %s',
    (isolation) => {
      const mine = [txn('a'), add('mine')];
      const reads = { appIds: new Set(['a']) };
      expect(kindOf({ isolation, mine, reads, winner: [txn('a')] })).toBe('ConcurrentTransaction');
      expect(kindOf({ isolation, mine, reads, winner: [txn('b')] })).toBeUndefined();
      expect(kindOf({ isolation, mine, winner: [txn('a')] })).toBeUndefined();
    },
  );
});

/** Whether files that the winner added count, by my level, by what I do and by what the winner says of itself. */
const CANDIDATES: readonly (readonly [IsolationLevel, boolean, blind: boolean, other: boolean])[] = [
  ['WriteSerializable', false, false, true],
  ['WriteSerializable', true, true, true],
  ['Serializable', false, true, true],
  ['Serializable', true, true, true],
  ['SnapshotIsolation', false, false, false],
  ['SnapshotIsolation', true, false, false],
];

describe('6: the winner added files that I would have read', () => {
  describe.each(CANDIDATES)('%s, changing metadata: %s', (isolation, changes, blind, other) => {
    it.each([
      ['a blind append', [BLIND], blind],
      ['a commit that read', [NOT_BLIND], other],
      ['a commit that does not say', [UNSAID], other],
      ['a commit without commitInfo', [], other],
    ] as const)('%s', (_, said, conflicts) => {
      const expected = conflicts ? 'ConcurrentAppend' : undefined;
      const mine = changes ? [metaData, ...MERGE.mine] : MERGE.mine;
      const winner = [...said, add('new')];
      expect(kindOf({ mine, reads: MERGE.reads, isolation, winner })).toBe(expected);
      expect(kindOf({ mine, reads: { wholeTable: true }, isolation, winner })).toBe(expected);
      const elsewhere = { files: new Set(['read']), mightRead: () => false };
      expect(kindOf({ mine, reads: elsewhere, isolation, winner })).toBeUndefined();
    });
  });

  it.each(LEVELS)('not when I am a blind append, %s', (isolation) => {
    for (const said of [BLIND, NOT_BLIND, UNSAID]) {
      expect(kindOf({ isolation, winner: [said, add('new'), remove('old')] })).toBeUndefined();
      expect(kindOf({ isolation, mine: [metaData, add('mine')], winner: [said, add('new')] })).toBeUndefined();
    }
  });

  it('judged file by file, by the whole condition (a stated difference to Spark, which looks at partition columns only)', () => {
    const seen: AddFile[] = [];
    const mightRead = (file: AddFile) => {
      seen.push(file);
      return file.path === 'near';
    };
    const reads = { ...MERGE.reads, mightRead };
    expect(kindOf({ ...MERGE, reads, winner: [NOT_BLIND, add('far')] })).toBeUndefined();
    expect(kindOf({ ...MERGE, reads, winner: [NOT_BLIND, add('far'), add('near')] })).toBe('ConcurrentAppend');
    expect(seen.map(({ path }) => path)).toEqual(['far', 'far', 'near']);
  });

  it('also when the winner only moved rows: its files hold rows that I did not see there', () => {
    expect(kindOf({ ...MERGE, winner: [NOT_BLIND, remove('x', false), add('y', false)] })).toBe('ConcurrentAppend');
  });
});

describe('7: the winner removed what I read', () => {
  it.each([true, false])('conflicts, also when rows only moved (dataChange %s), at every level', (dataChange) => {
    const reads = { files: new Set(['read']) };
    for (const isolation of LEVELS) {
      expect(kindOf({ isolation, reads, winner: [NOT_BLIND, remove('read', dataChange)] })).toBe(
        'ConcurrentDeleteRead',
      );
      expect(kindOf({ isolation, reads, winner: [NOT_BLIND, remove('other', dataChange)] })).toBeUndefined();
    }
  });

  it.each([
    ['Serializable', 'ConcurrentDeleteRead'],
    ['WriteSerializable', 'ConcurrentDeleteRead'],
    ['SnapshotIsolation', undefined],
  ] as const)('any file when I read the whole table, %s', (isolation, expected) => {
    expect(kindOf({ isolation, reads: { wholeTable: true }, winner: [NOT_BLIND, remove('any')] })).toBe(expected);
  });

  it('by its path alone: another deletion vector is no other file', () => {
    const vector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 };
    const winner: Action[] = [NOT_BLIND, { remove: { path: 'read', dataChange: true, deletionVector: vector } }];
    expect(kindOf({ reads: { files: new Set(['read']) }, winner })).toBe('ConcurrentDeleteRead');
  });
});

describe('8: both removed a file', () => {
  it.each(LEVELS)('conflicts, read or not, %s', (isolation) => {
    expect(kindOf({ isolation, mine: [remove('x')], winner: [NOT_BLIND, remove('x')] })).toBe('ConcurrentDeleteDelete');
    expect(kindOf({ isolation, mine: [remove('x')], winner: [NOT_BLIND, remove('x', false)] })).toBe(
      'ConcurrentDeleteDelete',
    );
    expect(kindOf({ isolation, mine: [remove('x')], winner: [NOT_BLIND, remove('y')] })).toBeUndefined();
  });

  it('an optimize loses to a merge of its files, and not to an append', () => {
    expect(kindOf({ ...OPTIMIZE, winner: [NOT_BLIND, remove('small'), add('n')] })).toBe('ConcurrentDeleteRead');
    expect(kindOf({ ...OPTIMIZE, reads: {}, winner: [NOT_BLIND, remove('small')] })).toBe('ConcurrentDeleteDelete');
    expect(kindOf({ ...OPTIMIZE, winner: [NOT_BLIND, remove('other'), add('n')] })).toBeUndefined();
    expect(kindOf({ ...OPTIMIZE, winner: [UNSAID, add('n')] })).toBeUndefined();
  });
});

it('a conflict says which version won and what about it', () => {
  const mine = {
    actions: [remove('x')],
    reads: NO_READS,
    isolation: 'Serializable' as const,
    protocol: LEGACY,
    metadata: METADATA,
  };
  expect(findConflict(mine, { version: 9, actions: [remove('x')] })).toEqual({
    kind: 'ConcurrentDeleteDelete',
    version: 9,
    message: expect.stringContaining('x'),
  });
});

describe('what a transaction is', () => {
  it('a blind append read nothing, and all of its files are new', () => {
    expect(isBlindAppend([add('a'), txn('x')], NO_READS)).toBe(true);
    expect(isBlindAppend([add('a'), metaData, { protocol: LEGACY }], NO_READS)).toBe(true);
    expect(isBlindAppend([metaData], NO_READS)).toBe(true);
    expect(isBlindAppend([add('a'), remove('b')], NO_READS)).toBe(false);
    const cdc = { path: 'c', partitionValues: {}, size: 1, dataChange: false };
    expect(isBlindAppend([add('a'), { cdc }], NO_READS)).toBe(false);
    expect(isBlindAppend([add('a')], { ...NO_READS, wholeTable: true })).toBe(false);
    expect(isBlindAppend([add('a')], { ...NO_READS, files: new Set(['f']) })).toBe(false);
    expect(isBlindAppend([add('a')], { ...NO_READS, mightRead: () => false })).toBe(false);
  });

  it('it rearranges only when no file action changes data and there is nothing else', () => {
    expect(rearrangesOnly([add('a', false), remove('b', false)])).toBe(true);
    expect(rearrangesOnly([add('a', false), remove('b')])).toBe(false);
    expect(rearrangesOnly([add('a')])).toBe(false);
    expect(rearrangesOnly([add('a', false), metaData])).toBe(false);
    expect(rearrangesOnly([add('a', false), txn('x')])).toBe(false);
  });

  it('isolation is Serializable unless the table says WriteSerializable', () => {
    const table = (configuration: Record<string, string>) => isolationLevel({ ...METADATA, configuration });
    expect(table({})).toBe('Serializable');
    expect(table({ 'delta.isolationLevel': 'Serializable' })).toBe('Serializable');
    expect(table({ 'delta.isolationLevel': 'WriteSerializable' })).toBe('WriteSerializable');
    expect(table({ 'delta.isolationLevel': 'SnapshotIsolation' })).toBe('Serializable');
  });
});
