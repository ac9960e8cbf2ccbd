import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/duckdb/session.js';
import { columns, openSession, sql, tableIn } from '../support/delta.js';
import { tempFolder } from '../support/temp-folder.js';
import { startPython } from './delta-rs.js';
import { missingTools } from './installed.js';
import { describeWithDeltaRs, ourRows, python, sorted, theirTable } from './rows.js';
import { callSpark, type TableRead, tool } from './tools.js';

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

const pauseUpTo = (most: number) => () => new Promise((resolve) => setTimeout(resolve, Math.random() * most));
const shortPause = pauseUpTo(PAUSE);
/** A commit of Spark takes a good part of a second. */
const longPause = pauseUpTo(10 * PAUSE);

async function appendLoop(table: Table, pause = shortPause): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    await table.append(sql(`SELECT ${i}::BIGINT AS id, 'ours' AS who, 0::BIGINT AS n`));
    await pause();
  }
}

async function mergeLoop(table: Table, session: Session, pause = shortPause): Promise<void> {
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

/** Rows that the two have appended: `id`s from 0 and from 1000 on. */
function appended(theirName: string): { id: string; who: string; n: string }[] {
  const row = (id: number, who: string) => ({ id: String(id), who, n: '0' });
  return Array.from({ length: TIMES }, (_, i) => [row(i, 'ours'), row(1000 + i, theirName)]).flat();
}

/** Otherwise one came after the other, and nothing raced. */
async function expectTurns(table: Table): Promise<void> {
  const order = (await table.history()).map((entry) => entry.engine === 'lakeledger/test');
  expect(order.filter((mine, i) => i > 0 && mine !== order[i - 1]).length).toBeGreaterThan(3);
}

describe.skipIf(missingTools().length > 0)('we and Spark at once', () => {
  it.each(['appends', 'merges'])('our %s and appends of Spark lose and double nothing', async (ours) => {
    await tool('Spark');
    const folder = tempFolder();
    const session = await openSession();
    const table = await makeTable(session, folder);
    const started = callSpark('append_loop', { path: folder, from: 1000, times: TIMES });
    while ((await table.snapshot()).version < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await (ours === 'merges' ? mergeLoop(table, session, longPause) : appendLoop(table, longPause));
    await started;
    const counted = ours === 'merges' ? TIMES : 0;
    const expected = sorted([...appended('Spark'), { id: String(KEY), who: 'both', n: String(counted) }]);
    const { rows } = await ourRows(session, folder);
    expect(rows).toEqual(expected);
    const { version } = await table.snapshot();
    const read = await callSpark<TableRead>('read', { path: folder, versions: [version], facts: false });
    expect(sorted(read.rows[version]!)).toEqual(expected);
    await expectTurns(table);
  });
});

describeWithDeltaRs('we and delta-rs at once', () => {
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
    const expected = appended('delta-rs');
    const other = loop === 'merge_loop' ? expected.map((r) => (r.who === 'delta-rs' ? { ...r, n: '1' } : r)) : expected;
    expect(rows).toEqual(sorted([...other, { id: String(KEY), who: 'both', n: String(counted) }]));
    const theirs = theirTable(folder);
    expect(theirs.rows).toEqual(rows);
    expect(new Set(theirs.history.map((entry) => entry.engineInfo)).size).toBeGreaterThan(1);
    await expectTurns(table);
  });
});
