import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DeltaTable, NO_READS } from '../../../src/delta/index.js';
import { stageRestore } from '../../../src/delta/maintain/restore.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const DAY = 86_400_000;

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly table: DeltaTable;
}

/** Versions 1 … 3 add one row each, version 4 merges their files, version 5 adds a row. */
async function makeTable(configuration: Record<string, string> = {}): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({ schema: columns({ id: 'BIGINT' }), configuration });
  for (let i = 1; i <= 3; i++) await append(table, i);
  await table.optimize();
  await append(table, 4);
  return { folder, session, table };
}

function append(table: DeltaTable, id: number): Promise<unknown> {
  return table.append(sql(`SELECT ${id}::BIGINT AS id`));
}

async function ids({ session }: Made, table: DeltaTable, version?: number): Promise<number[]> {
  const { rows } = await query(
    session,
    table,
    'SELECT id FROM t ORDER BY id',
    version === undefined ? {} : { at: { version } },
  );
  return rows.map((row) => Number(row['id']));
}

async function setMetadata(
  table: DeltaTable,
  change: { configuration?: Record<string, string>; schemaString?: string },
) {
  const snapshot = await table.snapshot();
  const result = await table.commit({
    snapshot,
    actions: [{ metaData: { ...snapshot.metadata, ...change } }],
    reads: NO_READS,
    operation: 'SET TBLPROPERTIES',
  });
  expect(result.outcome).toBe('committed');
}

describe('restore', () => {
  it('makes a version what an older one was, in a new commit that tells', async () => {
    const made = await makeTable();
    const { table } = made;
    const result = await table.restore({ version: 2 });
    expect(result).toMatchObject({ version: 6, restoredVersion: 2, filesRestored: 2, filesRemoved: 2, filesAfter: 2 });
    expect(await ids(made, table)).toEqual([1, 2]);
    expect(await ids(made, table, 5)).toEqual([1, 2, 3, 4]);
    expect((await table.history(1))[0]).toMatchObject({
      operation: 'RESTORE',
      parameters: { version: '2', timestamp: null },
      metrics: { numRestoredFiles: '2', numRemovedFiles: '2', numOfFilesAfterRestore: '2' },
    });
    const actions = (await table.commitsAfter(5))[0]?.actions ?? [];
    for (const action of actions) {
      if ('add' in action) expect(action.add).toMatchObject({ dataChange: true, stats: expect.any(String) });
      if ('remove' in action) expect(action.remove).toMatchObject({ dataChange: true, extendedFileMetadata: true });
      expect(action).not.toHaveProperty('metaData');
      expect(action).not.toHaveProperty('protocol');
    }
    // And back again: a restore is a version like others.
    expect(await table.restore({ version: 5 })).toMatchObject({ version: 7, filesRestored: 2, filesRemoved: 2 });
    expect(await ids(made, table)).toEqual([1, 2, 3, 4]);
  });

  it('finds the version of a time', async () => {
    const made = await makeTable();
    const { table } = made;
    const timestamp = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await append(table, 5);
    expect(await table.restore({ timestamp })).toMatchObject({ version: 7, restoredVersion: 5 });
    expect(await ids(made, table)).toEqual([1, 2, 3, 4]);
    expect((await table.history(1))[0]?.parameters).toMatchObject({ timestamp });
  });

  it('does nothing when the table is that already, and a dry run writes nothing', async () => {
    const { folder, table } = await makeTable();
    expect(await table.restore({ version: 5 })).toMatchObject({ version: 5, filesRestored: 0, filesRemoved: 0 });
    const listed = readdirSync(join(folder, '_delta_log'));
    expect(await table.restore({ version: 1 }, { dryRun: true })).toMatchObject({
      version: 5,
      dryRun: true,
      filesRemoved: 2,
    });
    expect(readdirSync(join(folder, '_delta_log'))).toEqual(listed);
    await expect(table.restore({ version: 9 })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  it('brings schema and properties back, never lowers the protocol or a column id', async () => {
    const made = await makeTable();
    const { table } = made;
    const before = await table.snapshot();
    await setMetadata(table, { configuration: { 'delta.checkpointInterval': '7', note: 'new' } });
    await table.restore({ version: 5 });
    expect((await table.snapshot()).metadata).toEqual(before.metadata);

    const current = await table.snapshot();
    const upgraded = {
      ...current,
      protocol: {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['deletionVectors'],
        writerFeatures: ['deletionVectors'],
      },
      metadata: {
        ...current.metadata,
        configuration: { 'delta.columnMapping.maxColumnId': '9', 'delta.enableInCommitTimestamps': 'true' },
      },
    };
    const older = {
      ...current,
      metadata: { ...current.metadata, configuration: { 'delta.columnMapping.maxColumnId': '4', note: 'old' } },
    };
    const { stage } = stageRestore(upgraded, older, { now: 0 });
    expect(stage.actions).toEqual([
      expect.objectContaining({ protocol: expect.objectContaining({ minReaderVersion: 3, minWriterVersion: 7 }) }),
      {
        metaData: expect.objectContaining({
          configuration: {
            'delta.columnMapping.maxColumnId': '9',
            'delta.enableInCommitTimestamps': 'true',
            note: 'old',
          },
        }),
      },
    ]);
  });

  it('after a vacuum it says which files are gone, and restores what it can only when told to', async () => {
    const { folder, session, table } = await makeTable();
    const clock = { now: () => Date.now() + 8 * DAY, random: () => 0 };
    expect((await tableIn(folder, session, { clock }).vacuum()).files).toHaveLength(3);
    const error = {
      code: 'DATA_FILE_MISSING',
      message: expect.stringContaining('.parquet'),
      hint: expect.stringContaining('vacuum'),
    };
    await expect(table.restore({ version: 2 })).rejects.toMatchObject(error);
    expect((await table.snapshot()).version).toBe(7);
    await table.restore({ version: 4 });
    expect((await table.snapshot()).files).toHaveLength(1);
    const forced = await table.restore({ version: 2 }, { ignoreMissingFiles: true });
    expect(forced).toMatchObject({ filesRestored: 2 });
  });

  it('a row that is appended meanwhile is not in the restored version either', async () => {
    const made = await makeTable();
    const other = tableIn(made.folder, made.session);
    let raced = false;
    class RacingStore extends LocalStore {
      override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
        if (!raced) {
          raced = true;
          await append(other, 5);
        }
        return super.putIfAbsent(path, data);
      }
    }
    const table = tableIn(made.folder, made.session, { store: new RacingStore(made.folder) });
    expect(await table.restore({ version: 3 })).toMatchObject({ version: 7, filesRemoved: 3 });
    expect(await ids(made, other)).toEqual([1, 2, 3]);
    expect(await ids(made, other, 6)).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps transactions: what was applied once is not applied again', async () => {
    const { table } = await makeTable();
    await table.append(sql('SELECT 9::BIGINT AS id'), { txn: { appId: 'app', version: 3 } });
    await table.restore({ version: 1 });
    expect((await table.snapshot()).txns.get('app')?.version).toBe(3);
  });

  it('an append-only table is not restored, a file that only lost its name is missed', async () => {
    const { table } = await makeTable({ 'delta.appendOnly': 'true' });
    await expect(table.restore({ version: 1 })).rejects.toMatchObject({ code: 'DELTA_APPEND_ONLY' });
    const { folder, table: other } = await makeTable();
    const gone = (await other.snapshot({ version: 1 })).files[0]?.path ?? '';
    rmSync(join(folder, gone));
    expect(existsSync(join(folder, gone))).toBe(false);
    await expect(other.restore({ version: 1 })).rejects.toMatchObject({ message: expect.stringContaining(gone) });
  });
});
