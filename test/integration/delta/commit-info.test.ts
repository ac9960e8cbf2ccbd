import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columns, sql, tableIn } from '../../support/delta.js';
import { BY_NAME, CHANGE_FEED, DELETION_VECTORS, editCommit, makeWritten, TEN } from '../../support/delta-writes.js';

const text = expect.any(String);

describe('commitInfo', () => {
  it('says what was done in Spark’s words, all values as text', async () => {
    const made = await makeWritten({ rows: TEN, partitionColumns: ['part'], configuration: CHANGE_FEED });
    const { table } = made;
    const merge = { source: sql('SELECT 1 AS id, 2 AS part'), on: 'target.id = source.id' };
    const steps: [() => Promise<unknown>, object][] = [
      [
        () => table.append(sql('SELECT 20 AS id')),
        { operation: 'WRITE', isBlindAppend: true, operationParameters: { mode: 'Append', partitionBy: '["part"]' } },
      ],
      [
        () => table.overwrite(sql(TEN)),
        {
          operation: 'WRITE',
          isBlindAppend: false,
          operationParameters: { mode: 'Overwrite', partitionBy: '["part"]' },
        },
      ],
      [
        () => table.overwrite(sql('SELECT 9 AS id, 1 AS part'), { replaceWhere: 'part = 1' }),
        { operation: 'WRITE', operationParameters: { mode: 'Overwrite', predicate: 'part = 1' } },
      ],
      [
        () => table.delete({ where: 'id = 0' }),
        {
          operation: 'DELETE',
          isBlindAppend: false,
          operationParameters: { predicate: '["id = 0"]' },
          operationMetrics: {
            numDeletedRows: '1',
            numRemovedFiles: '1',
            numAddedFiles: '1',
            numCopiedRows: '4',
            numAddedChangeFiles: '1',
          },
        },
      ],
      [
        () => table.update({ where: 'id = 1', set: { name: "'x'" } }),
        { operation: 'UPDATE', operationMetrics: { numUpdatedRows: '1', numCopiedRows: '3' } },
      ],
      [
        () =>
          table.mergeInto({
            ...merge,
            whenMatched: [{ and: 'source.part > 0', update: '*' }],
            whenNotMatchedBySource: [{ and: 'target.id = 3', delete: true }],
          }),
        {
          operation: 'MERGE',
          operationParameters: {
            predicate: 'target.id = source.id',
            matchedPredicates: '[{"predicate":"source.part > 0","actionType":"update"}]',
            notMatchedPredicates: '[]',
            notMatchedBySourcePredicates: '[{"predicate":"target.id = 3","actionType":"delete"}]',
          },
          operationMetrics: {
            numSourceRows: '1',
            numTargetRowsUpdated: '1',
            numTargetRowsDeleted: '1',
            numTargetRowsInserted: '0',
            numTargetRowsCopied: '2',
          },
        },
      ],
      [
        () => table.setProperties({ 'my.own': 'x' }),
        {
          operation: 'SET TBLPROPERTIES',
          isBlindAppend: true,
          operationParameters: { properties: '{"my.own":"x"}' },
          operationMetrics: {},
        },
      ],
      [
        () => table.unsetProperties(['my.own']),
        { operation: 'UNSET TBLPROPERTIES', operationParameters: { properties: '["my.own"]', ifExists: 'false' } },
      ],
      [
        () => table.addColumns(columns({ extra: 'INTEGER' }).fields),
        { operation: 'ADD COLUMNS', operationParameters: { columns: expect.stringContaining('"extra"') } },
      ],
      [
        () => table.addConstraint('c', 'id IS NOT NULL'),
        { operation: 'ADD CONSTRAINT', operationParameters: { name: 'c', expr: 'id IS NOT NULL' } },
      ],
      [() => table.dropConstraint('c'), { operation: 'DROP CONSTRAINT', operationParameters: { name: 'c' } }],
      [() => table.delete(), { operation: 'DELETE', operationParameters: { predicate: '[]' } }],
    ];
    const ids = new Set<unknown>();
    for (const [step, expected] of steps) {
      const { version } = await table.snapshot();
      await step();
      const info = await made.lastInfo();
      expect(info).toMatchObject({
        ...expected,
        readVersion: version,
        isolationLevel: 'Serializable',
        engineInfo: 'lakeledger/test',
        txnId: text,
        timestamp: expect.any(Number),
      });
      for (const values of [info.operationParameters, info.operationMetrics]) {
        expect(Object.values(values ?? {}).filter((value) => typeof value !== 'string')).toEqual([]);
      }
      ids.add(info.txnId);
      expect('commitInfo' in ((await made.lastCommit())[0] ?? {})).toBe(true);
    }
    expect(ids.size).toBe(steps.length);
  });
});

/** A clock that goes where a test wants it. */
function stoppedClock(start: number) {
  const clock = { time: start, now: () => clock.time, random: () => 0.5 };
  return clock;
}

describe('in-commit timestamps', () => {
  it('grow strictly even when the clock goes backwards, and say since when they do', async () => {
    const clock = stoppedClock(2_000_000_000_000);
    const made = await makeWritten({ clock, rows: TEN });
    const file = join(made.folder, '_delta_log', '00000000000000000001.json');
    utimesSync(file, 3_000_000_000, 3_000_000_000);
    await made.table.setProperties({ 'delta.enableInCommitTimestamps': 'true' });
    const { metadata, protocol } = await made.table.snapshot();
    expect(metadata.configuration).toMatchObject({
      'delta.inCommitTimestampEnablementVersion': '2',
      'delta.inCommitTimestampEnablementTimestamp': '3000000000001',
    });
    expect(protocol).toMatchObject({
      minReaderVersion: 1,
      minWriterVersion: 7,
      writerFeatures: ['appendOnly', 'inCommitTimestamp', 'invariants'],
    });
    expect((await made.lastInfo()).inCommitTimestamp).toBe(3_000_000_000_001);
    clock.time = 1_000_000_000_000;
    for (let i = 2; i < 4; i++) {
      await tableIn(made.folder, made.session, { clock }).append(sql('SELECT 1 AS id'));
      expect(await made.lastInfo()).toMatchObject({
        inCommitTimestamp: 3_000_000_000_000 + i,
        timestamp: 3_000_000_000_000 + i,
      });
    }
    clock.time = 4_000_000_000_000;
    await made.table.append(sql('SELECT 1 AS id'));
    expect((await made.lastInfo()).inCommitTimestamp).toBe(4_000_000_000_000);
    // Readers show the one or the other.
    const { timestamp, inCommitTimestamp } = await made.lastInfo();
    expect(timestamp).toBe(inCommitTimestamp);
    const line = readFileSync(join(made.folder, '_delta_log', '00000000000000000005.json'), 'utf8');
    expect(line).toMatch(/^\{"commitInfo":\{"inCommitTimestamp":4000000000000,/);
  });

  it('of a new table begin at once and need no such properties', async () => {
    const made = await makeWritten({
      clock: stoppedClock(5000),
      configuration: { 'delta.enableInCommitTimestamps': 'true' },
    });
    expect((await made.lastInfo()).inCommitTimestamp).toBe(5000);
    await made.table.append(sql('SELECT 1 AS id'));
    expect((await made.lastInfo()).inCommitTimestamp).toBe(5001);
    expect(Object.keys((await made.table.snapshot()).metadata.configuration)).toEqual([
      'delta.enableInCommitTimestamps',
    ]);
  });
});

describe('a table with a feature that is not written here', () => {
  const protocol = (...features: string[]) =>
    JSON.stringify({ minReaderVersion: 1, minWriterVersion: 7, writerFeatures: features });

  it.each([
    ['rowTracking', (line: string) => line],
    ['icebergCompatV2', (line: string) => line],
    ['materializePartitionColumns', (line: string) => line],
    [
      'identityColumns',
      (line: string) => line.replace('\\"metadata\\":{}', '\\"metadata\\":{\\"delta.identity.start\\":1}'),
    ],
    ['neverHeardOf', (line: string) => line],
  ])('%s is read, and no write is tried', async (feature, edit) => {
    const made = await makeWritten({ rows: TEN });
    editCommit(made.folder, 0, (line) =>
      edit(line.replace('{"minReaderVersion":1,"minWriterVersion":2}', protocol(feature))),
    );
    const table = tableIn(made.folder, made.session);
    const source = sql('SELECT 1 AS id');
    const writes = [
      () => table.append(source),
      () => table.overwrite(source),
      () => table.delete(),
      () => table.update({ set: { id: '1' } }),
      () => table.mergeInto({ source, on: 'true', whenMatched: [{ delete: true }] }),
      () => table.setProperties({ 'my.own': 'x' }),
      () => table.addConstraint('c', 'id > 0'),
      () => table.optimize(),
      () => table.restore({ version: 0 }),
    ];
    for (const write of writes) {
      await expect(write()).rejects.toMatchObject({
        code: 'DELTA_UNSUPPORTED',
        message: expect.stringContaining(`"${feature}"`),
      });
    }
    expect((await table.snapshot()).version).toBe(1);
    expect(existsSync(join(made.folder, '_delta_log', '00000000000000000002.json'))).toBe(false);
    expect(await made.orphans()).toEqual([]);
    expect(await made.rows('SELECT count(*) FROM t')).toEqual(['[10]']);
  });

  it.each([
    [{ 'delta.enableRowTracking': 'true' }],
    [{ 'delta.enableIcebergCompatV2': 'true' }],
    [{ 'delta.enableDeletionVectors': 'yes' }],
    [{ 'delta.enableDeletionVektors': 'true' }],
    [{ 'delta.minWriterVersion': '7' }],
    [{ 'delta.feature.rowTracking': 'supported' }],
    [{ 'delta.inCommitTimestampEnablementVersion': '1' }],
  ])('is not made by %j', async (configuration) => {
    const made = await makeWritten({ rows: TEN });
    const refusal = { code: expect.stringMatching(/^(?:USAGE|DELTA_UNSUPPORTED)$/) };
    await expect(made.table.setProperties(configuration as Record<string, string>)).rejects.toMatchObject(refusal);
    const schema = columns({ id: 'BIGINT' });
    const created = tableIn(`${made.folder}/new`, made.session).create({
      schema,
      configuration: configuration as Record<string, string>,
    });
    await expect(created).rejects.toMatchObject(refusal);
    expect((await made.table.snapshot()).version).toBe(1);
  });

  it('properties raise the protocol once and are taken back without lowering it', async () => {
    const made = await makeWritten({ rows: TEN });
    await made.table.setProperties({ ...DELETION_VECTORS, ...CHANGE_FEED, ...BY_NAME, 'delta.checkpointPolicy': 'v2' });
    const { protocol } = await made.table.snapshot();
    expect(protocol).toEqual({
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ['columnMapping', 'deletionVectors', 'v2Checkpoint'],
      writerFeatures: [
        'appendOnly',
        'changeDataFeed',
        'columnMapping',
        'deletionVectors',
        'invariants',
        'v2Checkpoint',
      ],
    });
    await made.table.setProperties(DELETION_VECTORS);
    expect((await made.table.snapshot()).version).toBe(2);
    await made.table.unsetProperties(['delta.enableDeletionVectors']);
    expect((await made.table.snapshot()).protocol).toEqual(protocol);
    expect((await made.lastCommit()).some((action) => 'protocol' in action)).toBe(false);
    await made.table.setProperties({ 'delta.feature.timestampNtz': 'supported' });
    const now = await made.table.snapshot();
    expect(now.protocol.readerFeatures).toContain('timestampNtz');
    expect(Object.keys(now.metadata.configuration).filter((key) => key.startsWith('delta.feature'))).toEqual([]);
  });
});
