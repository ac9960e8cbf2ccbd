import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaTable } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const digits = (version: number) => String(version).padStart(20, '0');
const commitName = (version: number) => `${digits(version)}.json`;
const checkpointName = (version: number) => `${digits(version)}.checkpoint.parquet`;

interface Made {
  readonly folder: string;
  readonly log: string;
  readonly session: Session;
  readonly table: DeltaTable;
  /** As another process sees it. */
  readonly reopen: () => DeltaTable;
}

/** Versions 0 … `last`, each adding the row `id = version`; checkpoints at multiples of `interval`. */
async function makeTable(last: number, interval = 1000): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  const configuration = { 'delta.checkpointInterval': String(interval) };
  await table.create({ schema: columns({ id: 'BIGINT' }), configuration });
  for (let v = 1; v <= last; v++) await table.append(sql(`SELECT ${v} AS id`));
  return { folder, log: join(folder, '_delta_log'), session, table, reopen: () => tableIn(folder, session) };
}

async function ids({ session, reopen }: Made, version?: number): Promise<number[]> {
  const options = version === undefined ? {} : { at: { version } };
  const { rows } = await query(session, reopen(), 'SELECT id FROM t ORDER BY id', options);
  return rows.map((row) => Number(row['id']));
}

function removeCommits({ log }: Made, ...versions: number[]): void {
  for (const version of versions) rmSync(join(log, commitName(version)));
}

describe('the files of a version', () => {
  it('a gap below the checkpoint is fine, one above it is an error that names the file', async () => {
    const made = await makeTable(6, 4);
    removeCommits(made, 0, 2, 3);
    expect(await ids(made)).toEqual([1, 2, 3, 4, 5, 6]);
    removeCommits(made, 5);
    await expect(made.reopen().snapshot()).rejects.toMatchObject({
      code: 'DELTA_LOG',
      message: expect.stringContaining(commitName(5)),
      hint: expect.any(String),
    });
    expect(await ids(made, 4)).toEqual([1, 2, 3, 4]);
  });

  it('a version below the oldest checkpoint is gone once clean-up took its commits, even some of them', async () => {
    const made = await makeTable(6, 4);
    removeCommits(made, 0, 1);
    const gone = { code: 'VERSION_NOT_FOUND', exitCode: 2 };
    for (const version of [1, 2, 3]) await expect(made.reopen().snapshot({ version })).rejects.toMatchObject(gone);
    expect(await ids(made, 4)).toEqual([1, 2, 3, 4]);
    await expect(made.reopen().snapshot({ version: 7 })).rejects.toMatchObject({
      ...gone,
      hint: expect.stringContaining('newest version is 6'),
    });
  });

  it('a multi-part checkpoint is used when it is complete and else ignored', async () => {
    const made = await makeTable(4, 4);
    const whole = join(made.log, checkpointName(4));
    const part = (n: number) => join(made.log, `${digits(4)}.checkpoint.000000000${n}.0000000003.parquet`);
    for (const n of [1, 2, 3]) {
      await made.session.run(
        `COPY (SELECT * EXCLUDE (n) FROM (SELECT *, row_number() OVER () AS n FROM '${whole}') WHERE n % 3 = ${n - 1}) TO '${part(n)}' (FORMAT parquet)`,
      );
    }
    rmSync(whole);
    removeCommits(made, 0, 1, 2, 3, 4);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
    expect((await made.reopen().snapshot()).checkpointVersion).toBe(4);
    rmSync(part(2));
    await expect(made.reopen().findSnapshot()).resolves.toBeUndefined();
  });

  it('an incomplete multi-part checkpoint above complete commits changes nothing', async () => {
    const made = await makeTable(4, 2);
    copyFileSync(
      join(made.log, checkpointName(4)),
      join(made.log, `${digits(4)}.checkpoint.0000000001.0000000002.parquet`),
    );
    rmSync(join(made.log, checkpointName(4)));
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
    expect((await made.reopen().snapshot()).checkpointVersion).toBe(2);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['not JSON', '{"version":'],
    ['JSON of another kind', 'null'],
    ['without a version', '{"size":3}'],
    ['stale', '{"version":2,"size":4}'],
    ['pointing to a version without a checkpoint', '{"version":3}'],
    ['pointing beyond the log', '{"version":99}'],
    ['negative', '{"version":-1}'],
    ['of another type', '{"version":"4"}'],
    ['with fields of the future', '{"version":4,"checksum":"no","tags":{},"v2Checkpoint":{"x":1}}'],
  ])('_last_checkpoint that is %s makes no difference', async (_, content) => {
    const made = await makeTable(5, 2);
    const path = join(made.log, '_last_checkpoint');
    if (content === undefined) rmSync(path);
    else writeFileSync(path, content);
    expect(await ids(made)).toEqual([1, 2, 3, 4, 5]);
    expect((await made.reopen().snapshot()).checkpointVersion).toBe(4);
  });

  it('other files in the log are ignored', async () => {
    const made = await makeTable(2);
    for (const name of [
      '.00000000000000000003.json.crc',
      '00000000000000000002.crc',
      '00000000000000000000.00000000000000000002.compacted.json',
      '.5f0f3a52.tmp',
      '00000000000000000003.json.tmp',
      '00000000000000000002.checkpoint.parquet.tmp',
      'README.md',
      '_vacuum_info',
    ]) {
      writeFileSync(join(made.log, name), 'junk');
    }
    for (const folder of ['_sidecars', '_commits', '00000000000000000003.json']) mkdirSync(join(made.log, folder));
    expect(await ids(made)).toEqual([1, 2]);
  });

  it('a table that is only a checkpoint is read, and its history is empty', async () => {
    const made = await makeTable(4, 4);
    removeCommits(made, 0, 1, 2, 3, 4);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
    expect(await made.reopen().history()).toEqual([]);
    await expect(made.reopen().snapshot({ timestamp: '2999-01-01' })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });

  it('a folder without a log is no table', async () => {
    const table = tableIn(tempFolder(), await openSession());
    expect(await table.findSnapshot()).toBeUndefined();
    expect(await table.findSnapshot({ version: 0 })).toBeUndefined();
    expect(await table.findSnapshot({ timestamp: '2026-01-01' })).toBeUndefined();
    await expect(table.snapshot()).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND', exitCode: 2 });
  });

  it('a table whose first versions were cleaned up is not created again', async () => {
    const made = await makeTable(4, 4);
    removeCommits(made, 0, 1, 2, 3);
    expect(await made.reopen().create({ schema: columns({ other: 'VARCHAR' }) })).toBe(false);
    expect(existsSync(join(made.log, commitName(0)))).toBe(false);
  });

  it('a handle follows a log that was cleaned up behind its back', async () => {
    const made = await makeTable(1, 4);
    const old = made.reopen();
    expect((await old.snapshot()).version).toBe(1);
    for (let v = 2; v <= 5; v++) await made.table.append(sql(`SELECT ${v} AS id`));
    removeCommits(made, 0, 1, 2, 3);
    expect((await old.snapshot()).version).toBe(5);
    removeCommits(made, 4, 5);
    const older = made.reopen();
    expect((await older.snapshot()).version).toBe(4);
    expect((await old.append(sql('SELECT 6 AS id'))).version).toBeGreaterThan(4);
  });

  it('a listing that misses a commit which landed meanwhile is looked at again', async () => {
    const made = await makeTable(3);
    class Racing extends LocalStore {
      lists = 0;
      override async list(prefix: string, after?: string): Promise<string[]> {
        this.lists += 1;
        const all = await super.list(prefix, after);
        return this.lists === 1 ? all.filter((path) => !path.endsWith(commitName(2))) : all;
      }
    }
    const store = new Racing(made.folder);
    expect((await tableIn(made.folder, made.session, { store }).snapshot()).version).toBe(3);
    expect(store.lists).toBe(2);
  });

  it('a checkpoint that is no Parquet file is done without while the log has all commits', async () => {
    const made = await makeTable(3, 2);
    writeFileSync(join(made.log, checkpointName(2)), 'junk');
    expect(await ids(made)).toEqual([1, 2, 3]);
    expect((await made.reopen().snapshot()).checkpointVersion).toBe(-1);
    removeCommits(made, 0);
    await expect(made.reopen().snapshot()).rejects.toMatchObject({
      code: 'DELTA_LOG',
      place: join(made.log, checkpointName(2)),
      hint: expect.any(String),
    });
    expect(readdirSync(made.log).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('time travel', () => {
  it('a version that clean-up left without a base is an error that names the oldest', async () => {
    const made = await makeTable(6, 4);
    for (let v = 0; v <= 6; v++) utimesSync(join(made.log, commitName(v)), new Date(v * 1000), new Date(v * 1000));
    removeCommits(made, 0, 1);
    const at = (seconds: number) => made.reopen().snapshot({ timestamp: new Date(seconds * 1000).toISOString() });
    for (const seconds of [1, 2, 3]) {
      await expect(at(seconds)).rejects.toMatchObject({
        code: 'VERSION_NOT_FOUND',
        hint: expect.stringContaining('the oldest one is 4, of 1970-01-01T00:00:04.000Z'),
      });
    }
    expect((await at(4)).version).toBe(4);
  });

  async function madeAt(times: readonly string[]): Promise<Made> {
    const made = await makeTable(times.length - 1);
    times.forEach((time, v) => {
      utimesSync(join(made.log, commitName(v)), new Date(time), new Date(time));
    });
    return made;
  }
  const versionAt = async (made: Made, timestamp: string) => (await made.reopen().snapshot({ timestamp })).version;

  it('finds the newest version at or before a time', async () => {
    const made = await madeAt(['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z']);
    expect(await versionAt(made, '2026-01-01T00:00:00Z')).toBe(0);
    expect(await versionAt(made, '2026-01-01T23:59:59.999Z')).toBe(0);
    expect(await versionAt(made, '2026-01-02T00:00:00.000Z')).toBe(1);
    expect(await versionAt(made, '2026-01-02T01:00:00+02:00')).toBe(0);
    expect(await versionAt(made, '2099-01-01')).toBe(2);
    await expect(versionAt(made, '2025-12-31T23:59:59Z')).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      exitCode: 2,
      hint: expect.stringContaining('2026-01-01T00:00:00.000Z'),
    });
  });

  it('a time without a zone is UTC, wherever the process runs', async () => {
    const made = await madeAt(['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']);
    const zone = process.env['TZ'];
    try {
      for (const tz of ['America/New_York', 'Asia/Tokyo']) {
        process.env['TZ'] = tz;
        expect(await versionAt(made, '2026-01-01T23:59:59')).toBe(0);
        expect(await versionAt(made, '2026-01-02T00:00:00')).toBe(1);
        expect(await versionAt(made, '2026-01-02 00:00')).toBe(1);
        expect(await versionAt(made, '2026-01-02')).toBe(1);
      }
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  it('file times that go back are made to grow with the version', async () => {
    const made = await madeAt(['2026-01-05T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']);
    await expect(versionAt(made, '2026-01-03')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    expect(await versionAt(made, '2026-01-05T00:00:00.000Z')).toBe(0);
    expect(await versionAt(made, '2026-01-05T00:00:00.001Z')).toBe(1);
    expect(await versionAt(made, '2026-01-05T00:00:00.002Z')).toBe(2);
  });

  it.each(['yesterday', '5', 'Jan 5 2026', '2026-13-01', '2026-01-01T25:00:00Z', ''])(
    '"%s" is no time',
    async (timestamp) => {
      const made = await makeTable(0);
      await expect(versionAt(made, timestamp)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    },
  );
});
