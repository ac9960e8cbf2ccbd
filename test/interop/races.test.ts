import { expect, it } from 'vitest';
import type { Session } from '../../src/duckdb/session.js';
import { columns, openSession, sql, tableIn } from '../support/delta.js';
import { tempFolder } from '../support/temp-folder.js';
import { startPython } from './delta-rs.js';
import { describeWithDeltaRs, ourRows, python, sorted, theirTable } from './rows.js';

const TIMES = 20;
/** Most milliseconds between two commits of one writer: without them the faster one is done before the other begins. */
const PAUSE = 60;
/** A row that every merge adds 1 to. */
const KEY = 999_999;

async function makeTable(session: Session, folder: string) {
  const table = tableIn(folder, session);
  await table.create({ schema: columns({ id: 'BIGINT', who: 'VARCHAR', n: 'BIGINT' }) });
  await table.append(sql(`SELECT ${KEY}::BIGINT AS id, 'both' AS who, 0::BIGINT AS n`));
  return table;
}

type Table = Awaited<ReturnType<typeof makeTable>>;

const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE));

async function appendLoop(table: Table): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    await table.append(sql(`SELECT ${i}::BIGINT AS id, 'ours' AS who, 0::BIGINT AS n`));
    await pause();
  }
}

async function mergeLoop(table: Table, session: Session): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    await session.run(`CREATE OR REPLACE TEMP TABLE src AS SELECT unnest([${KEY}, ${i}])::BIGINT AS id`);
    await table.merge({
      source: 'src',
      keys: ['id'],
      target: 'tgt',
      statement: `MERGE INTO tgt USING src ON tgt.id = src.id WHEN MATCHED THEN UPDATE SET n = tgt.n + 1
        WHEN NOT MATCHED THEN INSERT (id, who, n) VALUES (src.id, 'ours', 0)`,
    });
    await pause();
  }
}

describeWithDeltaRs('two writers at once', () => {
  it.each([
    ['appends', 'appends', 'append_loop', 0],
    ['merges', 'appends', 'append_loop', TIMES],
    ['appends', 'merges', 'merge_loop', TIMES],
    ['merges', 'merges', 'merge_loop', 2 * TIMES],
  ])('our %s and %s of delta-rs lose and double nothing', async (ours, _theirs, loop, counted) => {
    const folder = tempFolder();
    const session = await openSession();
    const table = await makeTable(session, folder);
    const given = { path: folder, from: 1000, times: TIMES, key: KEY, pause: PAUSE / 1000 };
    const started = startPython<{ lost: number }>(python, loop, given);
    // Python takes a while to start: ours begin with its first commit.
    while ((await table.snapshot()).version < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await (ours === 'merges' ? mergeLoop(table, session) : appendLoop(table));
    await started;
    const { rows } = await ourRows(session, folder);
    const row = (id: number, who: string) => ({ id: String(id), who, n: '0' });
    const expected = Array.from({ length: TIMES }, (_, i) => [row(i, 'ours'), row(1000 + i, 'delta-rs')]).flat();
    const other = loop === 'merge_loop' ? expected.map((r) => (r.who === 'delta-rs' ? { ...r, n: '1' } : r)) : expected;
    expect(rows).toEqual(sorted([...other, { id: String(KEY), who: 'both', n: String(counted) }]));
    const theirs = theirTable(folder);
    expect(theirs.rows).toEqual(rows);
    expect(new Set(theirs.history.map((entry) => entry.engineInfo)).size).toBeGreaterThan(1);
    const order = theirs.history.map((entry) => entry.engineInfo === 'lakeledger/test');
    // Otherwise one came after the other, and nothing raced.
    expect(order.filter((mine, i) => i > 0 && mine !== order[i - 1]).length).toBeGreaterThan(3);
  });
});
