import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import type { DeltaTable } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly table: DeltaTable;
}

async function makeTable(
  spec: Record<string, string> = { k: 'VARCHAR', v: 'BIGINT' },
  partitionColumns: readonly string[] = [],
): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({ schema: columns(spec), partitionColumns });
  return { folder, session, table };
}

const values = (list: string, names = 'k, v') => sql(`SELECT * FROM (VALUES ${list}) t(${names})`);

async function merge({ session, table }: Made, source: string, clauses: string, on = 't.k = s.k') {
  await session.run(`CREATE OR REPLACE TEMP TABLE s AS ${source}`);
  const statement = `MERGE INTO t USING s ON ${on} ${clauses}`;
  return table.merge({ source: 's', keys: ['k'], target: 't', statement });
}

async function rowsOf({ folder, session }: Made, list = 'k, v') {
  return (await query(session, tableIn(folder, session), `SELECT ${list} FROM t ORDER BY ALL`)).rows;
}

const UPSERT = `WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)`;
const pathsOf = async ({ table }: Made) => (await table.snapshot()).files.map((file) => file.path);

describe('a merge into a table with a key several times', () => {
  const TWICE = "('a', 1), ('a', 2), ('a', 2), ('b', 3)";

  it('that changes nothing rewrites nothing', async () => {
    const made = await makeTable();
    await made.table.append(values(TWICE));
    const merged = await merge(made, "SELECT 'a' AS k", 'WHEN MATCHED THEN UPDATE SET v = t.v');
    expect(merged).toEqual({ inserted: 0, updated: 0, deleted: 0, version: 1 });
  });

  it('updates every one of them', async () => {
    const made = await makeTable();
    await made.table.append(values(TWICE));
    expect(await merge(made, "SELECT 'a' AS k", 'WHEN MATCHED THEN UPDATE SET v = t.v + 10')).toMatchObject({
      updated: 3,
      version: 2,
    });
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 11n },
      { k: 'a', v: 12n },
      { k: 'a', v: 12n },
      { k: 'b', v: 3n },
    ]);
  });

  it('deletes one of them, or all', async () => {
    const made = await makeTable();
    await made.table.append(values(TWICE));
    await merge(made, "SELECT 'a' AS k", 'WHEN MATCHED AND t.v = 1 THEN DELETE');
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 2n },
      { k: 'a', v: 2n },
      { k: 'b', v: 3n },
    ]);
    expect(await merge(made, "SELECT 'a' AS k", 'WHEN MATCHED THEN DELETE')).toMatchObject({ deleted: 2 });
    expect(await rowsOf(made)).toEqual([{ k: 'b', v: 3n }]);
  });

  it('inserts a row equal to one that is there', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1)"));
    const insert = 'WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v)';
    expect((await merge(made, "SELECT 'a' AS k, 1 AS v", insert, 'false')).version).toBe(2);
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 1n },
      { k: 'a', v: 1n },
    ]);
  });
});

describe('a merge', () => {
  it('never matches NULL keys: those of the table stay, those of the source are inserted', async () => {
    const made = await makeTable();
    await made.table.append(values("(NULL, 1), ('a', 2)"));
    const source = "SELECT NULL::VARCHAR AS k, 5 AS v UNION ALL SELECT 'a', 3";
    expect(await merge(made, source, UPSERT)).toEqual({ inserted: 1, updated: 1, deleted: 0, version: 2 });
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 3n },
      { k: null, v: 1n },
      { k: null, v: 5n },
    ]);
  });

  it('from an empty source changes nothing and opens nothing', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 2)"));
    for (const path of await pathsOf(made)) rmSync(join(made.folder, path));
    expect(await merge(made, "SELECT 'a' AS k, 1 AS v WHERE false", UPSERT)).toMatchObject({ version: 1 });
  });

  it('counts what it inserts, updates and deletes, and what it only touches not at all', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1), ('b', 2), ('c', NULL), ('d', 4)"));
    const source = "SELECT * FROM (VALUES ('a', 1), ('b', -1), ('c', NULL), ('d', 5), ('e', 6)) x(k, v)";
    const clauses = `WHEN MATCHED AND s.v < 0 THEN DELETE ${UPSERT}`;
    expect(await merge(made, source, clauses)).toEqual({ inserted: 1, updated: 1, deleted: 1, version: 2 });
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 1n },
      { k: 'c', v: null },
      { k: 'd', v: 5n },
      { k: 'e', v: 6n },
    ]);
    const [entry] = await made.table.history(1);
    expect(entry?.metrics).toMatchObject({
      numSourceRows: '5',
      numTargetRowsInserted: '1',
      numTargetRowsUpdated: '1',
      numTargetRowsDeleted: '1',
    });
  });

  it('that deletes the last row leaves a table without files', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1)"));
    await merge(made, "SELECT 'a' AS k", 'WHEN MATCHED THEN DELETE');
    expect(await pathsOf(made)).toEqual([]);
    expect(await rowsOf(made)).toEqual([]);
  });

  it('takes any statement that works on the rows, with parameters', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1), ('b', 2)"));
    await made.session.run("CREATE TEMP TABLE s AS SELECT 'a' AS k");
    const request = { source: 's', keys: ['k'], target: 't', params: { by: 40 } };
    const merged = await made.table.merge({ ...request, statement: 'UPDATE t SET v = v + $by' });
    expect(merged).toMatchObject({ updated: 1 });
    expect(await rowsOf(made)).toEqual([
      { k: 'a', v: 41n },
      { k: 'b', v: 2n },
    ]);
  });

  it('does not open a file that cannot hold a key of the source', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1), ('c', 2)"));
    const [kept] = await pathsOf(made);
    await made.table.append(values("('m', 3), ('z', 4)"));
    const other = (await pathsOf(made)).find((path) => path !== kept);
    rmSync(join(made.folder, other ?? ''));
    expect(await merge(made, "SELECT 'b' AS k, 9 AS v UNION ALL SELECT 'c', 8", UPSERT)).toMatchObject({
      inserted: 1,
      updated: 1,
    });
    expect(await pathsOf(made)).toContain(other);
    await expect(merge(made, "SELECT 'n' AS k, 9 AS v", UPSERT)).rejects.toMatchObject({ code: 'DATA_FILE_MISSING' });
  });

  it('leaves a file alone whose rows it looked at and did not change', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1), ('c', 2)"));
    const [first] = await pathsOf(made);
    await made.table.append(values("('b', 3), ('d', 4)"));
    await merge(made, "SELECT * FROM (VALUES ('a', 1), ('b', 30)) x(k, v)", UPSERT);
    expect(await pathsOf(made)).toContain(first);
    expect(await pathsOf(made)).toHaveLength(2);
  });

  it('moves a row from one partition to another', async () => {
    const made = await makeTable({ k: 'VARCHAR', v: 'BIGINT', p: 'DATE' }, ['p']);
    const DAY = "DATE '2026-01-01'";
    await made.table.append(values(`('a', 1, ${DAY}), ('b', 2, ${DAY}), ('c', 3, ${DAY} + 1)`, 'k, v, p'));
    const clauses = 'WHEN MATCHED THEN UPDATE SET p = s.p';
    const merged = await merge(made, `SELECT 'a' AS k, ${DAY} + 2 AS p UNION ALL SELECT 'c', NULL`, clauses);
    expect(merged).toMatchObject({ updated: 2 });
    expect(await rowsOf(made, 'k, v, p')).toEqual([
      { k: 'a', v: 1n, p: '2026-01-03' },
      { k: 'b', v: 2n, p: '2026-01-01' },
      { k: 'c', v: 3n, p: null },
    ]);
    const partitions = (await made.table.snapshot()).files.map((file) => file.partitionValues['p']);
    expect(partitions.map(String).sort()).toEqual(['2026-01-01', '2026-01-03', 'null']);
  });

  it('works on a table whose columns are called like those of a Parquet scan', async () => {
    const made = await makeTable({ k: 'VARCHAR', v: 'BIGINT', file_index: 'BIGINT', FILE_ROW_NUMBER: 'VARCHAR' });
    await made.table.append(values("('a', 1, 70, 'x')", 'k, v, file_index, FILE_ROW_NUMBER'));
    await made.table.append(values("('b', 2, 0, 'y'), ('a2', 3, 0, 'z')", 'k, v, file_index, FILE_ROW_NUMBER'));
    await merge(made, "SELECT 'a' AS k, 10 AS v", UPSERT);
    expect(await rowsOf(made, 'k, v, file_index, FILE_ROW_NUMBER')).toEqual([
      { k: 'a', v: 10n, file_index: 70n, FILE_ROW_NUMBER: 'x' },
      { k: 'a2', v: 3n, file_index: 0n, FILE_ROW_NUMBER: 'z' },
      { k: 'b', v: 2n, file_index: 0n, FILE_ROW_NUMBER: 'y' },
    ]);
  });

  it('with a statement that fails changes nothing', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1)"));
    await expect(
      merge(made, "SELECT 'a' AS k", "WHEN MATCHED THEN UPDATE SET v = CAST('x' AS INT)"),
    ).rejects.toMatchObject({ code: 'SQL' });
    expect(readdirSync(made.folder).sort()).toEqual(['_delta_log', ...(await pathsOf(made))].sort());
    expect(await merge(made, "SELECT 'a' AS k, 2 AS v", UPSERT)).toMatchObject({ updated: 1, version: 2 });
  });

  it('that dies between its data files and its commit leaves nothing visible', async () => {
    const made = await makeTable();
    await made.table.append(values("('a', 1)"));
    class Dying extends LocalStore {
      override async putIfAbsent(): Promise<boolean> {
        throw new LakeError('STORAGE', 'the power went off');
      }
    }
    const table = tableIn(made.folder, made.session, { store: new Dying(made.folder) });
    await expect(merge({ ...made, table }, "SELECT 'a' AS k, 2 AS v", UPSERT)).rejects.toThrow('the power went off');
    expect(readdirSync(made.folder).filter((name) => name.endsWith('.parquet'))).toHaveLength(2);
    expect(await rowsOf(made)).toEqual([{ k: 'a', v: 1n }]);
    expect(await merge(made, "SELECT 'a' AS k, 3 AS v", UPSERT)).toMatchObject({ updated: 1, version: 2 });
    expect(await rowsOf(made)).toEqual([{ k: 'a', v: 3n }]);
  });

  it('commits its txn even when no row changes', async () => {
    const made = await makeTable();
    await made.session.run("CREATE TEMP TABLE s AS SELECT 'a' AS k WHERE false");
    const txn = { appId: 'loader', version: 3 };
    const statement = 'MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN DELETE';
    expect(await made.table.merge({ source: 's', keys: ['k'], target: 't', statement, txn })).toMatchObject({
      version: 1,
    });
    expect((await made.table.snapshot()).txns.get('loader')).toEqual(txn);
  });
});
