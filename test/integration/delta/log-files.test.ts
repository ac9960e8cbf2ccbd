import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import { addFile, logName, metaData, PROTOCOL, type RawLog, rawLog, removeFile } from '../../support/log.js';
import { tempFolder } from '../../support/temp-folder.js';

async function read(made: RawLog, options: { version?: number; timestamp?: string; store?: LocalStore } = {}) {
  const { store, ...at } = options;
  return tableIn(made.folder, await openSession(), store === undefined ? {} : { store }).snapshot(at);
}

const paths = (snapshot: { files: readonly { path: string }[] }) => snapshot.files.map(({ path }) => path).sort();

/** Notes which files are read. */
class Watched extends LocalStore {
  readonly read: string[] = [];
  override async get(path: string): Promise<Uint8Array> {
    this.read.push(path.slice(path.lastIndexOf('/') + 1));
    return super.get(path);
  }
}

describe('log compaction files', () => {
  const compacted = (start: number, end: number) => logName(start, `.${String(end).padStart(20, '0')}.compacted.json`);

  function made(): RawLog {
    const log = rawLog();
    log.commit(0, PROTOCOL, metaData(), addFile('0'));
    for (let v = 1; v <= 6; v++) log.commit(v, { commitInfo: {} }, addFile(String(v)), removeFile(String(v - 1)));
    log.file(compacted(1, 3), removeFile('0'), removeFile('1'), removeFile('2'), addFile('3'));
    log.file(
      compacted(1, 5),
      removeFile('0'),
      removeFile('1'),
      removeFile('2'),
      removeFile('3'),
      removeFile('4'),
      addFile('5'),
    );
    log.file(compacted(5, 6), removeFile('4'), removeFile('5'), addFile('6'));
    return log;
  }

  it('stand for the commits they cover, the longest first, and none that goes beyond the version', async () => {
    const log = made();
    const reads = async (version?: number) => {
      const store = new Watched(log.folder);
      const snapshot = await read(log, { store, ...(version === undefined ? {} : { version }) });
      return [paths(snapshot), snapshot.tombstones.length, store.read.filter((name) => name !== '_last_checkpoint')];
    };
    expect(await reads()).toEqual([['6'], 6, [logName(0), compacted(1, 5), logName(6)]]);
    expect(await reads(4)).toEqual([['4'], 4, [logName(0), compacted(1, 3), logName(4)]]);
    expect(await reads(2)).toEqual([['2'], 2, [logName(0), logName(1), logName(2)]]);
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -5)],
    ['empty', () => ''],
    ['junk', () => 'junk'],
    ['with one file twice', (text: string) => text + text],
  ])('that are %s are done without', async (_, damage) => {
    const log = made();
    const file = join(log.log, compacted(1, 5));
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    expect(paths(await read(log))).toEqual(['6']);
  });

  it('do not make good a commit that is missing', async () => {
    const log = made();
    rmSync(join(log.log, logName(3)));
    await expect(read(log)).rejects.toMatchObject({ code: 'DELTA_LOG', message: expect.stringContaining(logName(3)) });
  });
});

describe('commits', () => {
  it('empty lines, CRLF, a byte order mark, unknown actions and fields are no matter', async () => {
    const made = rawLog();
    made.commit(
      0,
      `\uFEFF${JSON.stringify(PROTOCOL)}\r`,
      '',
      JSON.stringify(metaData()),
      '  \r',
      '{"futureAction":{"x":1}}',
    );
    made.commit(
      1,
      '{"add":{"path":"a","partitionValues":{},"size":1,"modificationTime":1,"dataChange":true,"new":[1]}}\r',
    );
    expect(paths(await read(made))).toEqual(['a']);
  });

  it.each([
    ['"add" of "a"', [addFile('a'), addFile('b'), addFile('a')]],
    ['"txn" of "x"', ['{"txn":{"appId":"x","version":1}}', '{"txn":{"appId":"x","version":2}}']],
    ['"protocol"', [PROTOCOL, PROTOCOL]],
    ['"metaData"', [metaData(), metaData()]],
    ['add.size', ['{"add":{"path":"a","partitionValues":{},"size":9007199254740993,"modificationTime":1}}']],
  ])('%s: damage names the file', async (problem, lines) => {
    const made = rawLog();
    made.commit(0, PROTOCOL, metaData());
    made.commit(1, ...lines);
    await expect(read(made)).rejects.toMatchObject({
      code: 'DELTA_LOG',
      message: expect.stringContaining(problem),
      place: expect.stringContaining(logName(1)),
    });
    expect(paths(await read(made, { version: 0 }))).toEqual([]);
  });

  it('many of them are followed one by one without losing older snapshots', async () => {
    const made = rawLog();
    made.commit(0, PROTOCOL, metaData());
    const table = tableIn(made.folder, await openSession());
    const snapshots = [await table.snapshot()];
    for (let v = 1; v <= 5; v++) {
      made.commit(v, addFile(String(v)), ...(v > 1 ? [removeFile(String(v - 1))] : []), {
        txn: { appId: 'a', version: v },
      });
      snapshots.push(await table.snapshot());
    }
    expect(snapshots.map((s) => [paths(s).join(), s.tombstones.length, s.txns.get('a')?.version])).toEqual([
      ['', 0, undefined],
      ...[1, 2, 3, 4, 5].map((v) => [String(v), v - 1, v]),
    ]);
  });

  it('a refused commit leaves the table handle at the version before', async () => {
    const made = rawLog();
    made.commit(0, PROTOCOL, metaData());
    const table = tableIn(made.folder, await openSession());
    await table.snapshot();
    made.commit(1, addFile('a'), addFile('a'));
    for (let i = 0; i < 2; i++) await expect(table.snapshot()).rejects.toMatchObject({ code: 'DELTA_LOG' });
    made.commit(1, addFile('a'));
    expect(paths(await table.snapshot())).toEqual(['a']);
  });
});

describe('in-commit timestamps', () => {
  const ICT = {
    protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['inCommitTimestamp'] },
  };
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();

  /** Versions 0 … 2 by file time (10, 20, 30 s), from 3 on inside the commit (100, 110, 120 s); the file times of those lie. */
  function made(): RawLog {
    const log = rawLog();
    const configuration = {
      'delta.enableInCommitTimestamps': 'true',
      'delta.inCommitTimestampEnablementVersion': '3',
      'delta.inCommitTimestampEnablementTimestamp': '100000',
    };
    log.commit(0, { commitInfo: { timestamp: 1 } }, ICT, metaData());
    log.commit(1, addFile('1'));
    log.commit(2, addFile('2'));
    log.commit(3, { commitInfo: { inCommitTimestamp: 100_000 } }, metaData({ id: 'long' }, { configuration }));
    log.commit(4, { commitInfo: { inCommitTimestamp: 110_000 } }, addFile('4'));
    log.commit(5, { commitInfo: { inCommitTimestamp: 120_000 } }, addFile('5'));
    [10, 20, 30, 5, 5, 5].forEach((seconds, v) => {
      utimesSync(join(log.log, logName(v)), seconds, seconds);
    });
    return log;
  }

  it('decide time travel from the version on that has them', async () => {
    const log = made();
    const versionAt = async (seconds: number) => (await read(log, { timestamp: at(seconds) })).version;
    for (const [seconds, version] of [
      [10, 0],
      [19.999, 0],
      [20, 1],
      [30, 2],
      [99.999, 2],
      [100, 3],
      [109, 3],
      [110, 4],
      [999, 5],
    ]) {
      expect(await versionAt(seconds as number), `at ${seconds}`).toBe(version);
    }
    await expect(versionAt(9)).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      hint: expect.stringContaining('1970-01-01T00:00:10.000Z'),
    });
  });

  it('are looked for by halves', async () => {
    const log = made();
    for (let v = 6; v <= 300; v++)
      log.commit(v, { commitInfo: { inCommitTimestamp: 120_000 + v } }, addFile(String(v)));
    const store = new Watched(log.folder);
    const table = tableIn(log.folder, await openSession(), { store });
    await table.snapshot();
    store.read.length = 0;
    expect((await table.snapshot({ version: 0 })).version).toBe(0);
    store.read.length = 0;
    await expect(table.snapshot({ timestamp: '1970-01-01T00:00:00Z' })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
    await table.snapshot({ timestamp: at(120.006) });
    expect(store.read.length).toBeLessThan(30);
  });

  it('are the time of the history and of a snapshot', async () => {
    const log = made();
    const table = tableIn(log.folder, await openSession());
    const history = await table.history();
    expect(history.map(({ timestamp }) => timestamp)).toEqual([120, 110, 100, 30, 20, 10].map(at));
    expect((await read(log)).inCommitTimestamp).toBe(120_000);
    expect((await read(log, { version: 2 })).inCommitTimestamp).toBeUndefined();
  });

  it('are found when only a checkpoint is read: in the commit, in the checksum file, or nowhere', async () => {
    const log = made();
    const table = tableIn(log.folder, await openSession());
    const { writeCheckpoint } = await import('../../../src/delta/write/checkpoint.js');
    await writeCheckpoint(await table.writeDeps(), await table.snapshot());
    for (let v = 0; v <= 4; v++) rmSync(join(log.log, logName(v)));
    expect(await read(log)).toMatchObject({ checkpointVersion: 5, inCommitTimestamp: 120_000 });
    rmSync(join(log.log, logName(5)));
    log.file(logName(5, '.crc'), '{"tableSizeBytes":1,"inCommitTimestampOpt":120001}');
    expect((await read(log)).inCommitTimestamp).toBe(120_001);
    log.file(logName(5, '.crc'), 'junk');
    expect((await read(log)).inCommitTimestamp).toBeUndefined();
  });

  it('a commit that lacks what the table promises is an error that says so', async () => {
    const log = made();
    log.commit(4, addFile('4'));
    await expect(read(log, { timestamp: at(110) })).rejects.toMatchObject({
      code: 'DELTA_LOG',
      place: expect.stringContaining(logName(4)),
    });
    expect((await read(log)).version).toBe(5);
  });
});

describe('history', () => {
  it('tells what the writers said, whatever its type', async () => {
    const made = rawLog();
    const info = {
      operation: 'MERGE',
      operationParameters: { predicate: ['a'], nested: { x: 1 }, mode: 'Append', none: null },
      operationMetrics: { numFiles: 3 },
      engineInfo: 'other',
      isBlindAppend: false,
      readVersion: 0,
      isolationLevel: 'Serializable',
      txnId: 't',
      userMetadata: 'u',
      userName: 5,
    };
    made.commit(0, PROTOCOL, metaData());
    made.commit(1, { commitInfo: info });
    made.commit(2, '{"commitInfo":{"operation":7,"operationParameters":"x","timestamp":"soon"}}');
    const table = tableIn(made.folder, await openSession());
    const [second, first, created] = await table.history();
    expect(second).toMatchObject({ version: 2, operation: 'UNKNOWN', parameters: {}, engine: null });
    const { operationParameters, operationMetrics, engineInfo, userName, ...rest } = info;
    expect(first).toEqual({
      version: 1,
      timestamp: expect.any(String),
      ...rest,
      parameters: operationParameters,
      metrics: operationMetrics,
      engine: engineInfo,
    });
    expect(userName).toBe(5);
    expect(created).toMatchObject({ version: 0, operation: 'UNKNOWN' });
    expect((await table.history(1)).map(({ version }) => version)).toEqual([2]);
    rmSync(join(made.log, logName(0)));
    expect((await table.history()).map(({ version }) => version)).toEqual([2, 1]);
  });

  it('its times lead to its versions', async () => {
    const folder = tempFolder();
    const table = tableIn(folder, await openSession());
    await table.create({ schema: columns({ id: 'BIGINT' }) });
    for (let i = 0; i < 3; i++) await table.append(sql(`SELECT ${i} AS id`));
    for (const { version, timestamp } of await table.history()) {
      expect((await table.snapshot({ timestamp })).version).toBe(version);
    }
  });
});
