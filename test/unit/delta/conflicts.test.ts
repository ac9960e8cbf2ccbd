import { describe, expect, it } from 'vitest';
import type { Action, CommitInfo, Metadata } from '../../../src/delta/protocol/actions.js';
import {
  findConflict,
  type IsolationLevel,
  isBlindAppend,
  isolationLevel,
  NO_READS,
  type Reads,
  rearrangesOnly,
} from '../../../src/delta/write/conflicts.js';

const add = (path: string, dataChange = true): Action => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange },
});
const remove = (path: string, dataChange = true): Action => ({ remove: { path, dataChange } });
const txn = (appId: string): Action => ({ txn: { appId, version: 1 } });
const domain = (name: string): Action => ({ domainMetadata: { domain: name, configuration: '', removed: false } });
const info = (commitInfo: CommitInfo): Action => ({ commitInfo });
const protocol: Action = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };
const METADATA: Metadata = {
  id: 'm',
  format: { provider: 'parquet' },
  schemaString: '{"type":"struct","fields":[]}',
  partitionColumns: [],
  configuration: {},
};
const metaData: Action = { metaData: METADATA };

const BLIND = info({ operation: 'WRITE', isBlindAppend: true });
const NOT_BLIND = info({ operation: 'MERGE', isBlindAppend: false });
const UNSAID = info({ operation: 'WRITE' });

interface Case {
  readonly mine?: readonly Action[];
  readonly reads?: Partial<Reads>;
  readonly isolation?: IsolationLevel;
  readonly winner: readonly Action[];
}

function kindOf({ mine = [add('mine')], reads = {}, isolation = 'Serializable', winner }: Case): string | undefined {
  return findConflict({ actions: mine, reads: { ...NO_READS, ...reads }, isolation }, { version: 4, actions: winner })
    ?.kind;
}

const MERGE = { mine: [remove('read'), add('rewritten')], reads: { files: new Set(['read']), mightRead: () => true } };
const OPTIMIZE = {
  mine: [remove('small', false), add('big', false)],
  reads: { files: new Set(['small']) },
  isolation: 'SnapshotIsolation' as const,
};

describe('protocol and metadata', () => {
  it.each([
    ['a blind append', {}],
    ['a merge', MERGE],
    ['an optimize', OPTIMIZE],
    ['another protocol change', { mine: [protocol] }],
    ['another metadata change', { mine: [metaData] }],
  ])('a change by the winner stops %s', (_, mine) => {
    expect(kindOf({ ...mine, winner: [BLIND, protocol] })).toBe('ProtocolChanged');
    expect(kindOf({ ...mine, winner: [BLIND, metaData] })).toBe('MetadataChanged');
    expect(kindOf({ ...mine, winner: [metaData, protocol] })).toBe('ProtocolChanged');
  });

  it('my own change follows a blind append that it did not read', () => {
    expect(kindOf({ mine: [metaData], winner: [BLIND, add('w')] })).toBeUndefined();
  });
});

describe('txn and domain metadata', () => {
  it('an application whose txn I read conflicts; another one, or one that I only write, does not', () => {
    const mine = [txn('a'), add('mine')];
    expect(kindOf({ mine, reads: { appIds: new Set(['a']) }, winner: [txn('a')] })).toBe('ConcurrentTransaction');
    expect(kindOf({ mine, reads: { appIds: new Set(['a']) }, winner: [txn('b')] })).toBeUndefined();
    expect(kindOf({ mine, winner: [txn('a')] })).toBeUndefined();
  });

  it('one domain changed by both conflicts', () => {
    expect(kindOf({ mine: [domain('d')], winner: [domain('d')] })).toBe('ConcurrentTransaction');
    expect(kindOf({ mine: [domain('d')], winner: [domain('e')] })).toBeUndefined();
    expect(kindOf({ winner: [domain('d')] })).toBeUndefined();
  });
});

describe('files that the winner added', () => {
  it.each([
    ['Serializable', 'a blind append', BLIND, 'ConcurrentAppend'],
    ['Serializable', 'a commit that read', NOT_BLIND, 'ConcurrentAppend'],
    ['Serializable', 'a commit that does not say', UNSAID, 'ConcurrentAppend'],
    ['WriteSerializable', 'a blind append', BLIND, undefined],
    ['WriteSerializable', 'a commit that read', NOT_BLIND, 'ConcurrentAppend'],
    ['WriteSerializable', 'a commit that does not say', UNSAID, 'ConcurrentAppend'],
    ['SnapshotIsolation', 'a blind append', BLIND, undefined],
    ['SnapshotIsolation', 'a commit that read', NOT_BLIND, undefined],
    ['SnapshotIsolation', 'a commit that does not say', UNSAID, undefined],
  ] as const)('%s, %s: %s', (isolation, _, said, expected) => {
    expect(kindOf({ ...MERGE, isolation, winner: [said, add('new')] })).toBe(expected);
    const whole = { mine: [add('mine')], reads: { wholeTable: true } };
    expect(kindOf({ ...whole, isolation, winner: [said, add('new')] })).toBe(expected);
  });

  it('a commit without commitInfo is taken to have read', () => {
    expect(kindOf({ ...MERGE, isolation: 'WriteSerializable', winner: [add('new')] })).toBe('ConcurrentAppend');
  });

  it('under WriteSerializable a blind append matters to one who changes the metadata', () => {
    const mine = [metaData, add('mine')];
    const reads = { wholeTable: true };
    expect(kindOf({ mine, reads, isolation: 'WriteSerializable', winner: [BLIND, add('new')] })).toBe(
      'ConcurrentAppend',
    );
  });

  it.each([BLIND, NOT_BLIND, UNSAID])('do not matter to a blind append (%j)', (said) => {
    expect(kindOf({ winner: [said, add('new')] })).toBeUndefined();
    expect(kindOf({ winner: [said, add('new'), remove('old')] })).toBeUndefined();
  });

  it('matter only if I might have read them', () => {
    const reads = { ...MERGE.reads, mightRead: (file: { path: string }) => file.path === 'near' };
    expect(kindOf({ ...MERGE, reads, winner: [NOT_BLIND, add('far')] })).toBeUndefined();
    expect(kindOf({ ...MERGE, reads, winner: [NOT_BLIND, add('far'), add('near')] })).toBe('ConcurrentAppend');
  });
});

describe('files that the winner removed', () => {
  it.each([true, false])('conflict when I read them, also when rows only moved (dataChange %s)', (dataChange) => {
    const reads = { files: new Set(['read']) };
    expect(kindOf({ reads, winner: [NOT_BLIND, remove('read', dataChange)] })).toBe('ConcurrentDeleteRead');
    expect(kindOf({ reads, winner: [NOT_BLIND, remove('other', dataChange)] })).toBeUndefined();
  });

  it('conflict when I read the whole table', () => {
    expect(kindOf({ reads: { wholeTable: true }, winner: [NOT_BLIND, remove('any')] })).toBe('ConcurrentDeleteRead');
  });

  it('conflict when I remove them too, read or not', () => {
    const mine = [remove('x')];
    expect(kindOf({ mine, winner: [NOT_BLIND, remove('x')] })).toBe('ConcurrentDeleteDelete');
    expect(kindOf({ mine, winner: [NOT_BLIND, remove('y')] })).toBeUndefined();
  });

  it('an optimize loses to a merge of its files and not to an append', () => {
    expect(kindOf({ ...OPTIMIZE, winner: [NOT_BLIND, remove('small'), add('n')] })).toBe('ConcurrentDeleteRead');
    expect(kindOf({ ...OPTIMIZE, winner: [NOT_BLIND, remove('other'), add('n')] })).toBeUndefined();
    expect(kindOf({ ...OPTIMIZE, winner: [UNSAID, add('n')] })).toBeUndefined();
  });
});

it('a conflict says which version won and what about it', () => {
  const mine = { actions: [remove('x')], reads: NO_READS, isolation: 'Serializable' as const };
  expect(findConflict(mine, { version: 9, actions: [remove('x')] })).toEqual({
    kind: 'ConcurrentDeleteDelete',
    version: 9,
    message: expect.stringContaining('x'),
  });
});

describe('what a transaction is', () => {
  it('a blind append only adds and read nothing', () => {
    expect(isBlindAppend([add('a'), txn('x')], NO_READS)).toBe(true);
    expect(isBlindAppend([add('a'), remove('b')], NO_READS)).toBe(false);
    expect(isBlindAppend([add('a'), metaData], NO_READS)).toBe(false);
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
