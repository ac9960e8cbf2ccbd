import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaTable, Snapshot } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const SCHEMA = columns({ id: 'BIGINT', day: 'DATE', name: 'VARCHAR' });

async function makeTable(session: Session, appends: number, partitionColumns: string[] = []) {
  const folder = tempFolder();
  const table = tableIn(folder, session);
  await table.create({ schema: SCHEMA, partitionColumns });
  for (let i = 0; i < appends; i++) await append(table, i);
  return { folder, table };
}

/** Two rows, of two days. */
function append(table: DeltaTable, i: number): Promise<unknown> {
  const rows = `SELECT ${i} * 2 + n AS id, DATE '2026-01-01' + n::INTEGER AS day, 'row ' || n AS name FROM range(2) r(n)`;
  return table.append(sql(rows));
}

async function ids(session: Session, table: DeltaTable, at = {}): Promise<number[]> {
  const { rows } = await query(session, table, 'SELECT id FROM t ORDER BY id', { at });
  return rows.map((row) => Number(row['id']));
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const days = (snapshot: Snapshot) => snapshot.files.map((file) => file.partitionValues['day']).sort();

/** A store whose first put of `version` lets `work` go first, as another writer would. */
class RacingStore extends LocalStore {
  readonly #work: Map<string, () => Promise<unknown>>;

  constructor(folder: string, work: Readonly<Record<number, () => Promise<unknown>>>) {
    super(folder);
    this.#work = new Map(
      Object.entries(work).map(([version, run]) => [`_delta_log/${version.padStart(20, '0')}.json`, run]),
    );
  }

  override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
    const run = this.#work.get(path);
    this.#work.delete(path);
    await run?.();
    return super.putIfAbsent(path, data);
  }
}

describe('optimize', () => {
  it('merges small files per partition, changes no row, and leaves nothing to do', async () => {
    const session = await openSession();
    const { table } = await makeTable(session, 5, ['day']);
    const before = await table.snapshot();
    expect(before.files).toHaveLength(10);
    const result = await table.optimize();
    expect(result).toMatchObject({ version: 6, commits: [6], filesRemoved: 10, filesAdded: 2, partitions: 2 });
    const after = await table.snapshot();
    expect(days(after)).toEqual(['2026-01-01', '2026-01-02']);
    expect(await ids(session, table)).toEqual(numbers(10));
    expect(await ids(session, table, { version: 5 })).toEqual(numbers(10));
    expect(await table.optimize()).toMatchObject({ version: 6, commits: [], filesRemoved: 0 });

    const { actions } = (await table.commitsAfter(5))[0] ?? { actions: [] };
    for (const action of actions) {
      if ('add' in action) expect(action.add.dataChange).toBe(false);
      if ('remove' in action) expect(action.remove).toMatchObject({ dataChange: false, extendedFileMetadata: true });
      expect(action).not.toHaveProperty('cdc');
    }
    expect((await table.history(1))[0]).toMatchObject({
      operation: 'OPTIMIZE',
      parameters: { predicate: '[]', zOrderBy: '[]', auto: expect.anything() },
      metrics: { numAddedFiles: '2', numRemovedFiles: '10', numDeletionVectorsRemoved: '0' },
    });
  });

  it('is limited by a condition on partition columns, and says so when it is about others', async () => {
    const session = await openSession();
    const { table } = await makeTable(session, 3, ['day']);
    const result = await table.optimize({ where: "day > '2026-01-01' -- the second" });
    expect(result).toMatchObject({ filesConsidered: 3, filesRemoved: 3, filesAdded: 1 });
    expect(days(await table.snapshot())).toEqual(['2026-01-01', '2026-01-01', '2026-01-01', '2026-01-02']);
    expect((await table.history(1))[0]?.parameters['predicate']).toContain('2026-01-01');
    for (const where of ['id = 1', 'true; DROP TABLE x', 'nonsense(']) {
      await expect(table.optimize({ where })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    }
    const { table: whole } = await makeTable(session, 1);
    await expect(whole.optimize({ where: 'true' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('a dry run says what would be merged and writes nothing', async () => {
    const session = await openSession();
    const { folder, table } = await makeTable(session, 3);
    const listed = readdirSync(folder);
    expect(await table.optimize({ dryRun: true })).toMatchObject({
      dryRun: true,
      version: 3,
      filesRemoved: 3,
      filesAdded: null,
    });
    expect(readdirSync(folder)).toEqual(listed);
  });

  it('packs up to the target size', async () => {
    const session = await openSession();
    const { table } = await makeTable(session, 6);
    const size = (await table.snapshot()).files[0]?.size ?? 0;
    const result = await table.optimize({ targetSize: Math.ceil(size * 2.5) });
    expect(result).toMatchObject({ filesRemoved: 6, filesAdded: 3 });
    expect(await ids(session, table)).toEqual(numbers(12));
    expect(await table.optimize({ targetSize: 1 })).toMatchObject({ filesRemoved: 0 });
    await expect(table.optimize({ targetSize: 0 })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('sorts rows within a partition, over as many files as the target size asks for', async () => {
    const session = await openSession();
    const { table } = await makeTable(session, 1);
    const rows =
      "SELECT (n * 7919) % 30011 AS id, DATE '2026-01-01' AS day, 'name ' || n AS name FROM range(30000) r(n)";
    await table.append(sql(rows));
    const result = await table.optimize({ sortBy: ['ID'], targetSize: 30_000 });
    expect(result.filesRemoved).toBe(2);
    const { files } = await table.snapshot();
    expect(files.length).toBeGreaterThan(2);
    const ranges = files
      .map(({ stats }) => JSON.parse(stats ?? '') as { minValues: { id: number }; maxValues: { id: number } })
      .map(({ minValues, maxValues }) => [minValues.id, maxValues.id])
      .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    for (const [i, [min]] of ranges.entries()) {
      expect(min).toBeGreaterThanOrEqual(i === 0 ? 0 : (ranges[i - 1]?.[1] ?? Number.NaN));
    }
    const ordered = await query(
      session,
      table,
      'SELECT count(*) AS n, count(DISTINCT id) AS ids, min(id) AS low FROM t',
    );
    expect(ordered.rows).toEqual([{ n: 30002n, ids: 30000n, low: 0n }]);
    await expect(table.optimize({ sortBy: ['nothing'] })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('writes files again of which much is deleted, with their names and column mapping, and no change data', async () => {
    const session = await openSession();
    const table = tableIn(tempFolder(), session);
    const configuration = {
      'delta.enableDeletionVectors': 'true',
      'delta.enableChangeDataFeed': 'true',
      'delta.columnMapping.mode': 'name',
    };
    await table.create({ schema: SCHEMA, partitionColumns: ['day'], configuration });
    await table.append(
      sql("SELECT n AS id, DATE '2026-01-01' + (n % 2)::INTEGER AS day, 'x' AS name FROM range(1000) r(n)"),
    );
    await table.renameColumn(['name'], 'label');
    await table.delete({ where: "day = '2026-01-01' AND id < 300 OR id = 1" });
    expect((await table.snapshot()).files.every((file) => file.deletionVector != null)).toBe(true);
    const before = await ids(session, table);
    const result = await table.optimize();
    // In the other file one row of 500 is deleted: too few.
    expect(result).toMatchObject({ filesRemoved: 1, filesAdded: 1, deletionVectorsRemoved: 1, partitions: 1 });
    expect((await table.history(1))[0]?.metrics).toMatchObject({
      numDeletionVectorsRemoved: '1',
      numRemovedFiles: '1',
    });
    expect(await ids(session, table)).toEqual(before);
    expect((await table.commitsAfter(result.version - 1))[0]?.actions.some((action) => 'cdc' in action)).toBe(false);
    expect((await table.verify({ deep: true })).findings).toEqual([]);
    expect(await table.optimize()).toMatchObject({ filesRemoved: 0 });
    expect(await table.optimize({ where: "day = '2026-01-02'", sortBy: ['label'] })).toMatchObject({
      filesConsidered: 1,
      filesAdded: 1,
      deletionVectorsRemoved: 1,
    });
    expect(await ids(session, table)).toEqual(before);
  });

  it('a delete that wins the race stays: the file is planned again without the deleted row', async () => {
    const session = await openSession();
    for (const vectors of ['true', 'false']) {
      const folder = tempFolder();
      const other = tableIn(folder, session);
      await other.create({ schema: SCHEMA, configuration: { 'delta.enableDeletionVectors': vectors } });
      for (let i = 0; i < 4; i++) await append(other, i);
      const store = new RacingStore(folder, { 5: () => other.delete({ where: 'id = 3' }) });
      const result = await tableIn(folder, session, { store }).optimize();
      expect(result.commits).toEqual([6]);
      expect(await ids(session, other)).toEqual(numbers(8).filter((id) => id !== 3));
      expect((await other.snapshot()).files).toHaveLength(1);
    }
  });

  it('never loses to appends: they are in the table afterwards, each once', async () => {
    const session = await openSession();
    const { folder } = await makeTable(session, 4);
    const other = tableIn(folder, session);
    const store = new RacingStore(folder, { 5: () => append(other, 4), 6: () => append(other, 5) });
    const result = await tableIn(folder, session, { store }).optimize();
    expect(result).toMatchObject({ version: 7, commits: [7], filesRemoved: 4, filesAdded: 1 });
    expect(await ids(session, other)).toEqual(numbers(12));
    expect((await other.snapshot()).files).toHaveLength(3);
  });

  it('two at once: every row is there once, and the loser takes its files back', async () => {
    const session = await openSession();
    const { folder } = await makeTable(session, 4);
    const other = tableIn(folder, session);
    const store = new RacingStore(folder, { 5: () => other.optimize() });
    const result = await tableIn(folder, session, { store }).optimize();
    expect(result).toMatchObject({ version: 5, commits: [], filesRemoved: 0 });
    expect(await ids(session, other)).toEqual(numbers(8));
    expect(readdirSync(folder).filter((name) => name.endsWith('.parquet'))).toHaveLength(5);
  });

  it('commits the groups that are still whole when another writer took one', async () => {
    const session = await openSession();
    const { folder } = await makeTable(session, 4, ['day']);
    const other = tableIn(folder, session);
    const store = new RacingStore(folder, { 5: () => other.optimize({ where: "day = '2026-01-01'" }) });
    const result = await tableIn(folder, session, { store }).optimize();
    expect(result).toMatchObject({ version: 6, commits: [6], filesRemoved: 4, filesAdded: 1 });
    const { files } = await other.snapshot();
    expect(files).toHaveLength(2);
    for (const file of files) expect(existsSync(join(folder, file.path))).toBe(true);
    expect(await ids(session, other)).toEqual(numbers(8));
  });

  it('after commits, files are merged where the table asks for it, and never where it says no', async () => {
    const session = await openSession();
    for (const [value, files, near] of [
      ['false', 8, false],
      ['true', 1, false],
      [undefined, 8, true],
    ] as const) {
      const table = tableIn(tempFolder(), session);
      const configuration: Record<string, string> =
        value === undefined ? {} : { 'delta.autoOptimize.autoCompact': value };
      await table.create({ schema: SCHEMA, configuration });
      for (let i = 0; i < 8; i++) await append(table, i);
      const snapshot = await table.snapshot();
      expect(snapshot.files).toHaveLength(files);
      expect(await table.compactNear(snapshot.files)).toBe(near);
      expect(await ids(session, table)).toEqual(numbers(16));
    }
  });
});
