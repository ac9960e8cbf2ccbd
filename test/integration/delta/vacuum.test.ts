import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Action, DeltaTable } from '../../../src/delta/index.js';
import { removeOf } from '../../../src/delta/write/remove-file.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Made {
  readonly folder: string;
  readonly table: DeltaTable;
  readonly session: Session;
  /** Moves the clock of the table; files on disk keep their times. */
  readonly later: (ms: number) => void;
}

/** Versions 1 … 4 add one row each, version 5 merges their files. */
async function makeTable(configuration: Record<string, string> = {}, partition?: string): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead, random: () => 0 };
  const table = tableIn(folder, session, { clock });
  const partitionColumns = partition === undefined ? [] : [partition];
  await table.create({
    schema: columns({ id: 'BIGINT', [partition ?? 'name']: 'VARCHAR' }),
    configuration,
    partitionColumns,
  });
  for (let i = 1; i <= 4; i++) await table.append(sql(`SELECT ${i} AS id, 'a' AS "${partition ?? 'name'}"`));
  await table.optimize();
  return {
    folder,
    table,
    session,
    later: (ms) => {
      ahead += ms;
    },
  };
}

const parquet = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.parquet'));

async function ids({ session, table }: Made, version?: number): Promise<number[]> {
  const { rows } = await query(
    session,
    table,
    'SELECT id FROM t ORDER BY id',
    version === undefined ? {} : { at: { version } },
  );
  return rows.map((row) => Number(row['id']));
}

function put(folder: string, path: string, age = 0): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, 'x'.repeat(10));
  const time = (Date.now() - age) / 1000;
  utimesSync(file, time, time);
  return file;
}

describe('vacuum', () => {
  it('keeps what time travel within the retention needs, by the time of removal', async () => {
    const made = await makeTable();
    const { folder, table, later } = made;
    // However old the files are: they were removed just now.
    for (const name of parquet(folder)) utimesSync(join(folder, name), 1, 1);
    later(6 * DAY);
    expect(await table.vacuum()).toMatchObject({ files: [], bytes: 0, retentionHours: 168 });
    expect(await ids(made, 3)).toEqual([1, 2, 3]);
    expect((await table.history(1))[0]?.operation).toBe('OPTIMIZE');
    later(2 * DAY);
    const result = await table.vacuum();
    expect(result.files).toHaveLength(4);
    expect(parquet(folder)).toHaveLength(1);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
    await expect(ids(made, 3)).rejects.toThrow();
    expect(await table.history(2)).toMatchObject([
      { operation: 'VACUUM END', parameters: { status: 'COMPLETED' }, metrics: { numDeletedFiles: '4' } },
      {
        operation: 'VACUUM START',
        parameters: { retentionCheckEnabled: 'true', defaultRetentionMillis: String(7 * DAY) },
        metrics: { numFilesToDelete: '4', sizeOfDataToDelete: String(result.bytes) },
      },
    ]);
    expect(await table.vacuum()).toMatchObject({ files: [] });
  });

  it('a dry run lists the same files and deletes nothing', async () => {
    const { folder, table, later } = await makeTable();
    later(8 * DAY);
    const dry = await table.vacuum({ dryRun: true });
    expect(dry).toMatchObject({ dryRun: true });
    expect(parquet(folder)).toHaveLength(5);
    expect((await table.snapshot()).version).toBe(5);
    const real = await table.vacuum();
    expect(real).toMatchObject({ files: dry.files, bytes: dry.bytes });
    expect([...dry.files].sort()).toEqual(dry.files);
  });

  it('refuses a retention shorter than the table promises, unless it is forced', async () => {
    const made = await makeTable({ 'delta.deletedFileRetentionDuration': 'interval 2 days' });
    await expect(made.table.vacuum({ retentionHours: 47 })).rejects.toMatchObject({
      code: 'VACUUM_RETENTION',
      exitCode: 2,
      hint: expect.any(String),
    });
    await expect(made.table.vacuum({ retentionHours: -1, force: true })).rejects.toMatchObject({ code: 'USAGE' });
    expect(await made.table.vacuum({ retentionHours: 48 })).toMatchObject({ files: [], retentionHours: 48 });
    made.later(HOUR);
    expect((await made.table.vacuum({ retentionHours: 0, force: true })).files).toHaveLength(4);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
  });

  it('a longer retention counts although a checkpoint dropped the tombstones', async () => {
    const made = await makeTable({
      'delta.deletedFileRetentionDuration': 'interval 1 hours',
      'delta.checkpointInterval': '6',
    });
    for (const name of parquet(made.folder)) utimesSync(join(made.folder, name), 1, 1);
    made.later(DAY);
    await made.table.append(sql("SELECT 5 AS id, 'a' AS name"));
    expect(readdirSync(join(made.folder, '_delta_log')).join()).toContain('checkpoint');
    const fresh = tableIn(made.folder, made.session, { clock: { now: () => Date.now() + DAY, random: () => 0 } });
    expect((await fresh.snapshot()).tombstones).toEqual([]);
    expect(await fresh.vacuum({ retentionHours: 48 })).toMatchObject({ files: [] });
    expect(await ids(made, 4)).toEqual([1, 2, 3, 4]);
    expect((await fresh.vacuum()).files).toHaveLength(4);
  });

  it('deletes files that were never committed once they are old, and nothing that is not the table’s', async () => {
    const made = await makeTable({}, '_ingest_date');
    const { folder, table } = made;
    const kept = [
      put(folder, 'part-new.parquet'),
      put(folder, '_hidden/part.parquet', 30 * DAY),
      put(folder, '.cache/part.parquet', 30 * DAY),
      put(folder, '_notes.txt', 30 * DAY),
      put(folder, '_delta_log/_commits/x.json', 30 * DAY),
      put(folder, 'inner/_delta_log/00000000000000000000.json', 30 * DAY),
      put(folder, 'inner/a/part.parquet', 30 * DAY),
      put(folder, 'x/_change_data/part.parquet', 30 * DAY),
    ];
    const gone = [
      put(folder, 'part-old.parquet', 30 * DAY),
      put(folder, '_ingest_date=a/part-old.parquet', 30 * DAY),
      put(folder, '_change_data/_ingest_date=a/cdc-old.parquet', 30 * DAY),
      put(folder, 'deletion_vector_61d16c75-6994-46b7-a15b-8b538852e50e.bin', 30 * DAY),
    ];
    const { files } = await table.vacuum();
    expect(files).toEqual(gone.map((file) => file.slice(folder.length + 1)).sort());
    expect(kept.filter((file) => !existsSync(file))).toEqual([]);
    expect(gone.filter((file) => existsSync(file))).toEqual([]);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
  });

  it('keeps deletion vectors that a live file or a young tombstone names, and files named by absolute paths', async () => {
    const { folder, table, later } = await makeTable();
    later(8 * DAY);
    const snapshot = await table.snapshot();
    const [file] = snapshot.files;
    if (file === undefined) throw new Error('no file');
    // Of the specification: "ab" + "^-aqEH.-t@S}K{vb[*k^" is ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin.
    const vector = (offset: number) => ({
      storageType: 'u',
      pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^',
      offset,
      sizeInBytes: 40,
      cardinality: 1,
    });
    const dv = put(folder, 'ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin', 30 * DAY);
    const outside = put(tempFolder(), 'outside.parquet', 30 * DAY);
    const inside = put(folder, 'by-absolute-path.parquet', 30 * DAY);
    const commit = async (actions: Action[]) => {
      const version = (await table.snapshot()).version + 1;
      const text = actions.map((action) => JSON.stringify(action)).join('\n');
      writeFileSync(join(folder, '_delta_log', `${String(version).padStart(20, '0')}.json`), text);
    };
    const added = { partitionValues: {}, size: 10, modificationTime: 0, dataChange: true };
    await commit([
      { remove: { ...removeOf(file, 1) } },
      { add: { ...file, deletionVector: vector(1) } },
      { add: { ...added, path: `file://${outside}` } },
      { add: { ...added, path: `file:${inside}` } },
    ]);
    expect((await table.vacuum({ dryRun: true })).files).not.toContain(
      'ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin',
    );
    // The vector is replaced: its file is kept for as long as the tombstone is.
    const now = Date.now() + 8 * DAY;
    await commit([
      { remove: removeOf({ ...file, deletionVector: vector(1) }, now) },
      { remove: { path: `file://${outside}`, dataChange: true, deletionTimestamp: 1 } },
    ]);
    const { files } = await table.vacuum();
    expect(files).toHaveLength(4);
    for (const place of [dv, outside, inside, join(folder, file.path)]) expect(existsSync(place), place).toBe(true);
    later(8 * DAY);
    expect((await table.vacuum()).files).toEqual(
      [file.path, 'ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin'].sort(),
    );
    expect(existsSync(outside) && existsSync(inside)).toBe(true);
  });

  it('what is committed while the folder is being listed stays', async () => {
    const made = await makeTable();
    const clock = { now: () => Date.now() + HOUR, random: () => 0 };
    class SlowStore extends LocalStore {
      override async *listAll(...args: Parameters<LocalStore['listAll']>) {
        yield* super.listAll(...args);
        // Staged before the listing, committed after it.
        const snapshot = await made.table.snapshot();
        const actions = [
          { add: { path: 'staged.parquet', partitionValues: {}, size: 10, modificationTime: 0, dataChange: true } },
        ];
        await made.table.commit({
          snapshot,
          actions,
          reads: { wholeTable: false, files: new Set(), appIds: new Set() },
          operation: 'WRITE',
        });
      }
    }
    const staged = put(made.folder, 'staged.parquet');
    const other = tableIn(made.folder, made.session, { clock, store: new SlowStore(made.folder) });
    const { files } = await other.vacuum({ retentionHours: 0, force: true });
    expect(files).toHaveLength(4);
    expect(existsSync(staged)).toBe(true);
  });

  it('a tombstone that does not say when counts by the time of the file', async () => {
    const { folder, table } = await makeTable();
    const [file] = (await table.snapshot()).files;
    if (file === undefined) throw new Error('no file');
    const remove = { remove: { path: file.path, dataChange: true } };
    writeFileSync(join(folder, '_delta_log', '00000000000000000006.json'), JSON.stringify(remove));
    expect(await table.vacuum()).toMatchObject({ files: [] });
    utimesSync(join(folder, file.path), 1, 1);
    expect((await table.vacuum()).files).toEqual([file.path]);
  });

  it('lite finds what the log removed without listing the folder, and refuses a log that was cut', async () => {
    const made = await makeTable();
    const { folder, table, later, session } = made;
    const orphan = put(folder, 'orphan.parquet', 30 * DAY);
    class NoListing extends LocalStore {
      override listAll(): never {
        throw new Error('listed');
      }
    }
    expect(await table.vacuum({ mode: 'lite' })).toMatchObject({ mode: 'lite', files: [] });
    later(8 * DAY);
    const clock = { now: () => Date.now() + 8 * DAY, random: () => 0 };
    const lite = () => tableIn(folder, session, { clock, store: new NoListing(folder) }).vacuum({ mode: 'lite' });
    expect((await lite()).files).toHaveLength(4);
    expect(existsSync(orphan)).toBe(true);
    expect(await ids(made)).toEqual([1, 2, 3, 4]);
    const note = join(folder, '_delta_log', '_last_vacuum_info');
    expect(JSON.parse(readFileSync(note, 'utf8'))).toEqual({ latestCommitVersionOutsideOfRetentionWindow: 5 });
    expect(await lite()).toMatchObject({ files: [] });
    rmSync(note);
    rmSync(join(folder, '_delta_log', '00000000000000000000.json'));
    expect((await table.snapshot()).version).toBe(7);
    await expect(table.vacuum({ mode: 'lite' })).rejects.toMatchObject({
      code: 'VACUUM_LITE',
      hint: expect.stringContaining('full'),
    });
  });

  it('refuses a table that it cannot write', async () => {
    const { folder, table } = await makeTable();
    const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] };
    writeFileSync(join(folder, '_delta_log', '00000000000000000006.json'), JSON.stringify({ protocol }));
    await expect(table.vacuum({ dryRun: true })).rejects.toMatchObject({ code: 'DELTA_UNSUPPORTED' });
  });

  it('a failed deletion is in the history, and the next vacuum finishes', async () => {
    const { folder, session } = await makeTable();
    let broken = true;
    class BrokenStore extends LocalStore {
      #left = 2;
      override async delete(path: string): Promise<void> {
        if (broken && path.endsWith('.parquet') && this.#left-- <= 0) throw new Error('disk on fire');
        return super.delete(path);
      }
    }
    const clock = { now: () => Date.now() + 8 * DAY, random: () => 0 };
    const table = tableIn(folder, session, { clock, store: new BrokenStore(folder) });
    await expect(table.vacuum()).rejects.toThrow('disk on fire');
    expect((await table.history(1))[0]).toMatchObject({ operation: 'VACUUM END', parameters: { status: 'FAILED' } });
    broken = false;
    expect((await table.vacuum({ logCommits: false })).files).toHaveLength(2);
    expect((await table.history(1))[0]?.parameters['status']).toBe('FAILED');
  });
});
