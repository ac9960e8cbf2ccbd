import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Action } from '../../../src/delta/index.js';
import { cleanLog } from '../../../src/delta/maintain/clean-log.js';
import { writeCheckpoint } from '../../../src/delta/write/checkpoint.js';
import { openSession, tableIn } from '../../support/delta.js';
import { addFile, logName, metaData, PROTOCOL, type RawLog, rawLog } from '../../support/log.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-06-15T12:00:00Z');
const clock = { now: () => NOW, random: () => 0 };
/** Midnight UTC thirty days before `NOW`. */
const CUTOFF = Date.parse('2026-05-16T00:00:00Z');

/** Versions 0 … 9, a day apart, version 5 exactly at the cutoff; checkpoints at 2, 4 and 8. */
async function made(
  options: { protocol?: Action; configuration?: Record<string, string>; checkpoints?: number[] } = {},
) {
  const log = rawLog();
  log.commit(0, options.protocol ?? PROTOCOL, metaData({ id: 'long' }, { configuration: options.configuration ?? {} }));
  for (let v = 1; v <= 9; v++) log.commit(v, addFile(String(v)));
  const table = tableIn(log.folder, await openSession(), { clock });
  for (const version of options.checkpoints ?? [2, 4, 8]) {
    await writeCheckpoint(await table.writeDeps(), await table.snapshot({ version }));
  }
  for (let v = 0; v <= 9; v++) touch(log, logName(v), CUTOFF + (v - 5) * DAY);
  return { log, table };
}

function touch({ log }: RawLog, name: string, time: number): void {
  utimesSync(join(log, name), time / 1000, time / 1000);
}

const clean = async ({ table }: Awaited<ReturnType<typeof made>>, request: { dryRun?: boolean; now?: number } = {}) =>
  cleanLog(await table.writeDeps(), await table.snapshot(), request);
const namesOf = (files: readonly string[]) => files.map((path) => path.replace('_delta_log/', ''));

describe('cleanLog', () => {
  it('keeps the newest checkpoint before the cutoff, its commit, and all that came after', async () => {
    const table = await made();
    const { log } = table.log;
    const doomed = [0, 1, 3].flatMap((v) => [logName(v, '.crc'), logName(v, `.${logName(v + 1, '')}.compacted.json`)]);
    const kept = [logName(4, '.crc'), logName(5, `.${logName(7, '')}.compacted.json`), '.x.tmp', 'README.md'];
    for (const name of [...doomed, ...kept, logName(4, `.${logName(6, '')}.compacted.json`)]) {
      writeFileSync(join(log, name), '{"txn":{"appId":"a","version":1}}\n');
    }
    table.log.file(logName(5, `.${logName(7, '')}.compacted.json`), ...[5, 6, 7].map((v) => addFile(String(v))));
    const before = readdirSync(log);
    const dry = await clean(table, { dryRun: true });
    expect(readdirSync(log)).toEqual(before);
    const result = await clean(table);
    expect(result).toEqual({ ...dry, dryRun: false });
    expect(result.oldestVersion).toBe(4);
    const expected = [
      ...doomed,
      logName(4, `.${logName(6, '')}.compacted.json`),
      ...[0, 1, 2, 3].map((v) => logName(v)),
      logName(2, '.checkpoint.parquet'),
    ];
    expect(namesOf(result.files).sort()).toEqual(expected.sort());
    expect(readdirSync(log).sort()).toEqual(before.filter((name) => !expected.includes(name)).sort());
    expect(namesOf(result.files).slice(-4)).toEqual([0, 1, 2, 3].map((v) => logName(v)));
    for (const version of [4, 5, 6, 7, 8, 9]) {
      expect((await table.table.snapshot({ version })).files).toHaveLength(version);
    }
    await expect(table.table.snapshot({ version: 3 })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    expect(await clean(table)).toMatchObject({ files: [] });
  });

  it.each<[string, Parameters<typeof made>[0], number | undefined]>([
    ['no checkpoint is old enough', { checkpoints: [6, 8] }, undefined],
    ['the log is kept for longer', { configuration: { 'delta.logRetentionDuration': 'interval 60 days' } }, undefined],
    ['a week is enough', { configuration: { 'delta.logRetentionDuration': 'interval 1 week' } }, 8],
    ['nothing is long enough', { configuration: { 'delta.logRetentionDuration': 'for ever' } }, 4],
  ])('%s', async (_, options, oldest) => {
    const table = await made(options);
    const result = await clean(table);
    expect(result.oldestVersion).toBe(oldest);
    if (oldest === undefined) expect(result.files).toEqual([]);
    expect((await table.table.snapshot()).files).toHaveLength(9);
  });

  it('a checkpoint that cannot be read is no base: an older one is', async () => {
    const table = await made();
    writeFileSync(join(table.log.log, logName(4, '.checkpoint.parquet')), 'junk');
    expect((await clean(table)).oldestVersion).toBe(2);
    writeFileSync(join(table.log.log, logName(2, '.checkpoint.parquet')), 'junk');
    expect(await clean(table)).toEqual({ dryRun: false, oldestVersion: undefined, files: [] });
  });

  it('uses the time inside the commits where the table has it', async () => {
    const table = await made();
    const configuration = { 'delta.enableInCommitTimestamps': 'true' };
    const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['inCommitTimestamp'] };
    const commit = (v: number, ...actions: Action[]) =>
      table.log.commit(v, { commitInfo: { inCommitTimestamp: CUTOFF + (v - 1) * DAY } }, ...actions);
    commit(0, { protocol }, metaData({ id: 'long' }, { configuration }));
    for (let v = 1; v <= 9; v++) commit(v, addFile(String(v)));
    for (const v of [2, 4, 8]) rmSync(join(table.log.log, logName(v, '.checkpoint.parquet')));
    const fresh = tableIn(table.log.folder, await openSession(), { clock });
    await writeCheckpoint(await fresh.writeDeps(), await fresh.snapshot({ version: 1 }));
    expect((await clean({ ...table, table: fresh })).oldestVersion).toBe(1);
    expect(existsSync(join(table.log.log, logName(0)))).toBe(false);
  });

  it('deletes sidecars that no checkpoint names, once they are a day old', async () => {
    const names = ['v2Checkpoint'];
    const protocol = { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: names, writerFeatures: names };
    const table = await made({ protocol: { protocol }, configuration: { 'delta.checkpointPolicy': 'v2' } });
    const folder = join(table.log.log, '_sidecars');
    mkdirSync(folder, { recursive: true });
    const used = readdirSync(folder);
    expect(used).toHaveLength(3);
    for (const name of ['old.parquet', 'new.parquet']) writeFileSync(join(folder, name), 'x');
    for (const name of readdirSync(folder)) {
      const time = (name === 'new.parquet' ? NOW - DAY : NOW - 3 * DAY) / 1000;
      utimesSync(join(folder, name), time, time);
    }
    const { files } = await clean(table);
    const gone = files.filter((path) => path.includes('_sidecars'));
    expect(gone).toHaveLength(2);
    expect(namesOf(gone)).toContain('_sidecars/old.parquet');
    expect(readdirSync(folder)).toContain('new.parquet');
    expect(readdirSync(folder)).toHaveLength(3);
    for (const version of [4, 8]) expect((await table.table.snapshot({ version })).files).toHaveLength(version);
  });

  it('a table that must not be written is left alone', async () => {
    const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['checkpointProtection'] };
    const table = await made({ protocol: { protocol }, checkpoints: [] });
    await expect(clean(table)).rejects.toMatchObject({ code: 'DELTA_UNSUPPORTED' });
  });
});
