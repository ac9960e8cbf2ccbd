import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { type AddFile, type DeltaTable, NO_READS, type Snapshot, type Stage } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

type Fault = 'stored, then failed' | 'stored, then said taken' | 'failed before storing' | 'rival first';

/** A store whose `putIfAbsent` of a commit goes wrong the next time, in the way that is asked for. */
class FaultyStore extends LocalStore {
  fault: Fault | undefined;
  rival: (() => Promise<unknown>) | undefined;

  override async putIfAbsent(path: string, data: Uint8Array): Promise<boolean> {
    const { fault } = this;
    this.fault = undefined;
    if (fault === 'failed before storing') throw new LakeError('STORAGE', 'the network is away', { place: path });
    if (fault === 'rival first') await this.rival?.();
    const stored = await super.putIfAbsent(path, data);
    if (fault === 'stored, then failed') throw new LakeError('STORAGE', 'the answer got lost', { place: path });
    return fault === 'stored, then said taken' ? false : stored;
  }
}

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly store: FaultyStore;
  readonly table: DeltaTable;
}

async function makeTable(configuration: Record<string, string> = {}): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const store = new FaultyStore(folder);
  const table = tableIn(folder, session, { store });
  await table.create({ schema: columns({ id: 'BIGINT' }), configuration });
  return { folder, session, store, table };
}

const one = (id: number) => sql(`SELECT ${id} AS id`);

async function ids({ folder, session }: Made): Promise<number[]> {
  const { rows } = await query(session, tableIn(folder, session), 'SELECT id FROM t ORDER BY id');
  return rows.map((row) => Number(row['id']));
}

const commits = (folder: string) => readdirSync(join(folder, '_delta_log')).filter((name) => name.endsWith('.json'));

describe('a commit whose answer is not known', () => {
  it.each(['stored, then failed', 'stored, then said taken'] as const)(
    '%s: it is found by its txnId',
    async (fault) => {
      const made = await makeTable();
      made.store.fault = fault;
      expect(await made.table.append(one(1))).toMatchObject({ version: 1, inserted: 1, committed: true });
      expect(await made.table.append(one(2))).toMatchObject({ version: 2, inserted: 1, committed: true });
      expect(await ids(made)).toEqual([1, 2]);
      expect(commits(made.folder)).toHaveLength(3);
    },
  );

  it.each(['stored, then failed', 'stored, then said taken'] as const)('%s, at creation', async (fault) => {
    const folder = tempFolder();
    const store = new FaultyStore(folder);
    store.fault = fault;
    const table = tableIn(folder, await openSession(), { store });
    expect(await table.create({ schema: columns({ id: 'BIGINT' }) })).toBe(true);
    expect(await table.create({ schema: columns({ id: 'BIGINT' }) })).toBe(false);
  });

  it('a store that fails before storing is an error, nothing is visible, and the next try works', async () => {
    const made = await makeTable();
    made.store.fault = 'failed before storing';
    await expect(made.table.append(one(1))).rejects.toMatchObject({ code: 'STORAGE' });
    expect(await ids(made)).toEqual([]);
    expect(commits(made.folder)).toHaveLength(1);
    expect(await made.table.append(one(1))).toMatchObject({ version: 1, inserted: 1, committed: true });
    expect(await ids(made)).toEqual([1]);
  });
});

describe('several writers', () => {
  it('one handle commits twice after another handle went ahead', async () => {
    const made = await makeTable();
    await made.table.snapshot();
    const other = tableIn(made.folder, made.session);
    for (const id of [1, 2, 3]) await other.append(one(id));
    expect(await made.table.append(one(4))).toMatchObject({ version: 4, inserted: 1, committed: true });
    expect(await made.table.append(one(5))).toMatchObject({ version: 5, inserted: 1, committed: true });
    expect((await other.snapshot()).version).toBe(5);
    expect(await ids(made)).toEqual([1, 2, 3, 4, 5]);
  });

  it('an append that is overtaken follows and says what it read and wrote', async () => {
    const made = await makeTable();
    made.store.rival = () => tableIn(made.folder, made.session).append(one(1));
    made.store.fault = 'rival first';
    expect(await made.table.append(one(2))).toMatchObject({ version: 2, inserted: 1, committed: true });
    expect(await ids(made)).toEqual([1, 2]);
    const [last] = await made.table.commitsAfter(1);
    const info = last?.actions.flatMap((action) => ('commitInfo' in action ? [action.commitInfo] : []))[0];
    expect(info).toMatchObject({
      operation: 'WRITE',
      readVersion: 0,
      isBlindAppend: true,
      isolationLevel: 'Serializable',
      engineInfo: 'lakeledger/test',
      txnId: expect.any(String),
      operationParameters: { mode: 'Append', partitionBy: '[]' },
      operationMetrics: { numFiles: '1', numOutputRows: '1', numOutputBytes: expect.any(String) },
    });
  });

  it('two appends with one txn: the second does nothing and leaves no file behind', async () => {
    const made = await makeTable();
    const txn = { appId: 'loader', version: 1 };
    made.store.rival = () => tableIn(made.folder, made.session).append(one(1), { txn });
    made.store.fault = 'rival first';
    expect(await made.table.append(one(2), { txn })).toMatchObject({ committed: false, inserted: 0, version: 1 });
    expect(await ids(made)).toEqual([1]);
    expect(readdirSync(made.folder).filter((name) => name.endsWith('.parquet'))).toHaveLength(1);
    expect((await made.table.snapshot()).txns.get('loader')).toEqual(txn);
  });

  it('a stage that lost to a removal of what it read is a conflict with the newest snapshot', async () => {
    const made = await makeTable();
    await made.table.append(one(1));
    const snapshot = await made.table.snapshot();
    const stage = removal(snapshot, snapshot.files);
    const other = tableIn(made.folder, made.session);
    expect(await other.commit(removal(await other.snapshot(), snapshot.files))).toMatchObject({ version: 2 });
    const result = await made.table.commit(stage);
    expect(result).toMatchObject({
      outcome: 'conflict',
      conflict: { kind: 'ConcurrentDeleteRead', version: 2 },
      snapshot: { version: 2, files: [] },
    });
    expect(commits(made.folder)).toHaveLength(3);
  });

  it('eight handles append at once: every row is there once', async () => {
    const made = await makeTable();
    const handles = Array.from({ length: 8 }, () => tableIn(made.folder, made.session));
    const versions: number[] = [];
    const files = await Promise.all(
      handles.map(async (handle, i) => {
        const snapshot = await handle.snapshot();
        return { handle, snapshot, adds: await handle.writeFiles(snapshot, one(i)) };
      }),
    );
    await Promise.all(
      files.map(async ({ handle, snapshot, adds }) => {
        const actions = adds.map((add) => ({ add }));
        const result = await handle.commit({ snapshot, actions, reads: NO_READS, operation: 'WRITE' });
        if (result.outcome === 'committed') versions.push(result.version);
      }),
    );
    expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await ids(made)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

function removal(snapshot: Snapshot, files: readonly AddFile[]): Stage {
  return {
    snapshot,
    actions: files.map(({ path, size, partitionValues }) => ({
      remove: { path, size, partitionValues, dataChange: true, deletionTimestamp: 1 },
    })),
    reads: { ...NO_READS, files: new Set(files.map((file) => file.path)) },
    operation: 'DELETE',
  };
}

describe('data files without a commit', () => {
  it('are not visible, and discard removes them', async () => {
    const made = await makeTable();
    await made.table.append(one(1));
    const files = await made.table.writeFiles(await made.table.snapshot(), one(2));
    expect(files).toHaveLength(1);
    expect(await ids(made)).toEqual([1]);
    await made.table.discard(files);
    expect(readdirSync(made.folder).filter((name) => name.endsWith('.parquet'))).toHaveLength(1);
  });

  it('delta.appendOnly counts in any spelling of true', async () => {
    const made = await makeTable({ 'delta.appendOnly': 'TRUE' });
    await made.table.append(one(1));
    const snapshot = await made.table.snapshot();
    await expect(made.table.commit(removal(snapshot, snapshot.files))).rejects.toMatchObject({
      code: 'DELTA_APPEND_ONLY',
    });
  });
});
