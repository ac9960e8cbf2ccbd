import { beforeEach, describe, expect, it } from 'vitest';
import { selectStream, type TableResolver } from '../../../src/delta/index.js';
import { Session } from '../../../src/duckdb/session.js';
import { LocalStore } from '../../../src/storage/local-store.js';
import { openSession, query, tableIn } from '../../support/delta.js';
import { makeTable, structType } from '../../support/made-table.js';
import { poisonedFile } from '../../support/poisoned-file.js';

describe('an error inside DuckDB', () => {
  let poison = '';
  beforeEach(async () => {
    poison = `SELECT * FROM read_parquet('${await poisonedFile()}')`;
  });

  const failed = { code: 'ENGINE_FAILED', message: expect.stringContaining("must have 'metadata' and 'value'") };

  it('fails its statement, and the next ones run', async () => {
    const session = await openSession();
    for (let round = 1; round <= 3; round++) {
      await expect(session.rows(poison)).rejects.toMatchObject(failed);
      await expect(session.run(poison)).rejects.toMatchObject(failed);
      expect(session.generation).toBe(round * 2);
      expect(await session.rows('SELECT 1 AS x')).toEqual([{ x: 1 }]);
    }
  });

  it('fails a stream, and the next one runs', async () => {
    const session = await openSession();
    const drain = async (sql: string) => {
      let rows = 0;
      for await (const chunk of session.stream(sql)) rows += chunk.length;
      return rows;
    };
    await expect(drain(poison)).rejects.toMatchObject(failed);
    expect(await drain('SELECT * FROM range(5000)')).toBe(5000);
  });

  it('takes tables, views and variables with it: using one fails, and never gives other rows', async () => {
    const session = await openSession();
    await session.run('CREATE TEMP TABLE kept AS SELECT 1 AS x');
    await session.run('CREATE VIEW seen AS SELECT 1 AS x');
    await session.run("SET VARIABLE files = ['a.parquet']");
    await expect(session.rows(poison)).rejects.toMatchObject(failed);
    await expect(session.rows('FROM kept')).rejects.toMatchObject({ code: 'SQL' });
    await expect(session.rows('FROM seen')).rejects.toMatchObject({ code: 'SQL' });
    await expect(session.rows("FROM read_parquet(getvariable('files'))")).rejects.toMatchObject({ code: 'SQL' });
  });

  it('keeps the settings', async () => {
    const session = await Session.open({ threads: 1 });
    const settings = () =>
      session.rows("SELECT current_setting('threads') AS threads, current_setting('TimeZone') AS zone");
    const memory = () => session.rows("SELECT current_setting('memory_limit') AS memory");
    try {
      const before = await settings();
      await expect(session.rows(poison)).rejects.toMatchObject(failed);
      expect(await settings()).toEqual(before);
      await session.withLimitedMemory(async () => {
        const limited = await memory();
        await expect(session.rows(poison)).rejects.toMatchObject(failed);
        expect(await memory()).toEqual(limited);
      });
      expect(await session.rows('SELECT 1 AS x')).toEqual([{ x: 1 }]);
    } finally {
      session.close();
    }
  });

  it('statements that wait for the same instance fail with it, and it is replaced once', async () => {
    const session = await openSession();
    const results = await Promise.allSettled([
      session.rows(poison),
      session.rows(poison),
      session.rows('SELECT 2 AS x'),
    ]);
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'ENGINE_FAILED' } });
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: 'ENGINE_FAILED' } });
    expect(await session.rows('SELECT 3 AS x')).toEqual([{ x: 3 }]);
  });

  it('leaves the tables of the lake readable: selections, streams and scans', async () => {
    const session = await openSession();
    const fields = [{ name: 'id', type: 'long' }];
    const rows = 'SELECT * FROM range(3) r(id)';
    const good = await makeTable(session, { fields, files: [{ path: 'a.parquet', rows }] });
    const file = await poisonedFile();
    const both = [...fields, { name: 'v', type: structType({ name: 'value', type: 'binary' }) }];
    const bad = await makeTable(session, { fields: both, files: [{ path: file, logPath: file }] });
    const table = tableIn(good, session);
    for (let round = 0; round < 2; round++) {
      await expect(query(session, tableIn(bad, session), 'SELECT * FROM t')).rejects.toMatchObject(failed);
      expect((await query(session, table, 'SELECT * FROM t')).rows).toHaveLength(3);
      const tables: TableResolver = {
        find: async (name) => {
          const folder = name === 'bad' ? bad : good;
          return { store: new LocalStore(folder), snapshot: await tableIn(folder, session).snapshot() };
        },
        names: async () => ['good', 'bad'],
      };
      const drain = async (sql: string) => {
        let count = 0;
        for await (const chunk of selectStream(session, { sql, tables })) count += chunk.length;
        return count;
      };
      await expect(drain('SELECT * FROM bad')).rejects.toMatchObject(failed);
      expect(await drain('SELECT * FROM good')).toBe(3);
      const snapshot = await table.snapshot();
      const relation = await table.scan({ slot: 'again', snapshot, files: snapshot.files });
      expect(await session.rows(`SELECT count(*) AS n FROM (${relation})`)).toEqual([{ n: 3n }]);
    }
  });
});
