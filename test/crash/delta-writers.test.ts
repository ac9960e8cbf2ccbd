import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stageDelete } from '../../src/delta/write/rows-where.js';
import { columns, openSession, query, sql, tableIn } from '../support/delta.js';
import { tempFolder } from '../support/temp-folder.js';
import {
  type ChildResult,
  createAccounts,
  expectCheckpointsRight,
  expectTotals,
  notesIn,
  readLog,
  runChild,
} from './delta-accounts.js';

const WRITERS = Number(process.env['CRASH_DELTA_WRITERS'] ?? 4);
const COMMITS = Number(process.env['CRASH_DELTA_COMMITS'] ?? 12);

const VECTORS = { 'delta.enableDeletionVectors': 'true' };

function expectAllDone(results: readonly ChildResult[]): void {
  for (const result of results) expect(result, result.stderr).toMatchObject({ code: 0, signal: null });
}

describe.each([
  ['copies of files', {}],
  ['deletion vectors', VECTORS],
  [
    'deletion vectors, a change feed and in-commit timestamps',
    { ...VECTORS, 'delta.enableChangeDataFeed': 'true', 'delta.enableInCommitTimestamps': 'true' },
  ],
])('%s', (_name, properties) => {
  it(`${WRITERS} processes × ${COMMITS} operations: no money, file or row is lost or doubled`, async () => {
    const session = await openSession();
    const folder = join(tempFolder(), 'accounts');
    await createAccounts(folder, session, properties);
    const started = Date.now();
    let stop = () => {};
    const beside = runChild(folder, {
      writer: 99,
      seed: 1,
      operations: 0,
      role: 'checkpoint',
      onStart: ({ stdin }) => {
        stop = () => void stdin?.end();
      },
    });
    const results = await Promise.all(
      Array.from({ length: WRITERS }, (_, writer) =>
        runChild(folder, { writer, seed: 7 + writer, operations: COMMITS }),
      ),
    );
    const seconds = (Date.now() - started) / 1000;
    stop();
    const reader = await beside;
    expectAllDone([...results, reader]);
    for (const { rows, total } of reader.done) expect([rows, total]).toEqual([64, 6400]);

    const log = readLog(folder);
    expect(new Set(log.map((commit) => commit.txnId)).size).toBe(log.length);
    for (const [writer, { done }] of results.entries()) {
      const mine = new Set(
        log.filter((commit) => commit.writer === `writer-${writer}/1`).map((commit) => commit.version),
      );
      const said = done.flatMap(({ version, committed, commits = [] }) =>
        version !== undefined && committed === true ? [version, ...commits] : commits,
      );
      expect(new Set(said).size).toBe(said.length);
      for (const version of said) expect(mine).toContain(version);
      // What a process does not report by its version: a compaction.
      const compacted = done.filter((d) => 'compacted' in d && d.compacted === true).length;
      expect(mine.size).toBe(said.length + compacted);
    }
    const all = results.flatMap(({ done }) => done).filter(({ start }) => start !== true);
    const gone = new Set(all.flatMap((done) => done.gone ?? []));
    const notes = all.flatMap((done) => done.note ?? []).filter((note) => !gone.has(note));
    expect([...(await notesIn(folder, session))].sort()).toEqual(notes.sort());
    await expectTotals(folder, session);
    const checkpoints = await expectCheckpointsRight(folder, session, log);
    expect(checkpoints).toBeGreaterThan(1);
    expect((await tableIn(folder, session).verify({ deep: true })).findings).toEqual([]);
    console.log(
      `${WRITERS} × ${COMMITS} operations in ${seconds.toFixed(1)} s: ${log.length} commits ` +
        `(${(log.length / seconds).toFixed(1)}/s), ${checkpoints} checkpoints, ${reader.done.length} reads beside`,
    );
    rmSync(folder, { recursive: true, force: true });
  });
});

it('an append with one txn, by many at once, is done once', async () => {
  const folder = tempFolder();
  const sessions = [await openSession(), await openSession(), await openSession(), await openSession()];
  await tableIn(folder, sessions[0]!).create({ schema: columns({ id: 'BIGINT' }) });
  for (let version = 1; version <= 5; version++) {
    const txn = { appId: 'app', version };
    const appends = sessions.map((session) => tableIn(folder, session).append(sql(`SELECT ${version} AS id`), { txn }));
    const results = await Promise.all(appends);
    expect(results.filter(({ committed }) => committed)).toHaveLength(1);
  }
  const { rows } = await query(sessions[0]!, tableIn(folder, sessions[0]!), 'SELECT id FROM t ORDER BY id');
  expect(rows.map(({ id }) => Number(id))).toEqual([1, 2, 3, 4, 5]);
});

describe('the two classic bugs', () => {
  const ROWS = sql('SELECT range AS id FROM range(10)');

  it.each([
    ['copies', {}],
    ['deletion vectors', VECTORS],
  ])('two rewrites of one file do not both win, with %s', async (_name, configuration) => {
    const [mine, theirs] = [await openSession(), await openSession()];
    const folder = tempFolder();
    const table = tableIn(folder, mine);
    await table.create({ schema: columns({ id: 'BIGINT' }), configuration });
    await table.append(ROWS);
    const other = tableIn(folder, theirs);
    const snapshot = await table.snapshot();
    const staged = await stageDelete(await table.writeDeps(), snapshot, { where: 'id = 3' });
    const late = await stageDelete(await other.writeDeps(), await other.snapshot(), { where: 'id = 5' });
    expect(await table.commit(staged.stage!)).toMatchObject({ outcome: 'committed', version: 2 });
    const lost = await other.commit(late.stage!);
    expect(lost).toMatchObject({ outcome: 'conflict', conflict: { version: 2 } });
    // The public door stages again: both deletes hold.
    expect(await other.delete({ where: 'id = 5' })).toMatchObject({ version: 3, deleted: 1 });
    const { rows } = await query(mine, tableIn(folder, mine), 'SELECT id FROM t ORDER BY id');
    expect(rows.map(({ id }) => Number(id))).toEqual([0, 1, 2, 4, 6, 7, 8, 9]);
    readLog(folder);
  });

  it.each(['classic', 'v2'])(
    'a %s checkpoint that is written late neither brings back nor loses a file',
    async (policy) => {
      const session = await openSession();
      const folder = tempFolder();
      const table = tableIn(folder, session);
      const configuration = { 'delta.checkpointInterval': '1000', 'delta.checkpointPolicy': policy };
      await table.create({ schema: columns({ id: 'BIGINT' }), configuration });
      await table.append(ROWS);
      // Knows version 1 only, and writes its checkpoint when others have gone on.
      const slow = tableIn(folder, session);
      const old = await slow.snapshot();
      await table.delete({ where: 'id < 5' });
      await table.append(sql('SELECT 100 AS id'));
      await table.checkpoint();
      await table.overwrite(sql('SELECT 7 AS id'));
      const { writeCheckpoint } = await import('../../src/delta/write/checkpoint.js');
      await writeCheckpoint(await slow.writeDeps(), old);
      const expected = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 100], [7]];
      for (const [i, ids] of expected.entries()) {
        const { rows } = await query(session, tableIn(folder, session), 'SELECT id FROM t ORDER BY id', {
          at: { version: i + 1 },
        });
        expect(rows.map(({ id }) => Number(id))).toEqual(ids);
      }
      const newest = await query(session, tableIn(folder, session), 'SELECT id FROM t');
      expect(newest.rows.map(({ id }) => Number(id))).toEqual([7]);
      const log = readLog(folder);
      expect(await expectCheckpointsRight(folder, session, log)).toBe(2);
      expect((await tableIn(folder, session).verify({ deep: true })).findings).toEqual([]);
    },
  );
});
