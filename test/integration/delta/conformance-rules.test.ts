import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { conformanceFolder, copyWithTimes, hasConformance, tableFolder } from '../../support/conformance.js';
import { openSession, query, tableIn } from '../../support/delta.js';

/** What the suites say in words about their tables, apart from rows. */
const folderOf = (name: string) => tableFolder(join(conformanceFolder, name));
const SECOND = 1000;
const DAY = 86_400 * SECOND;

describe.skipIf(!hasConformance)('what the suites say about their tables', () => {
  it('a version by time is the newest whose commit file is not younger', async () => {
    const first = 1588398451 * SECOND;
    const session = await openSession();
    const table = tableIn(
      copyWithTimes(folderOf('delta-rs/simple_table'), (v) => first + v * DAY),
      session,
    );
    for (const [timestamp, version] of [
      ['2020-05-01T22:47:31-07:00', 0],
      ['2020-05-02T22:47:31-07:00', 1],
      ['2020-05-03T22:47:31-07:00', 2],
      ['2020-05-04T22:47:30-07:00', 2],
      ['2020-05-04T22:47:31-07:00', 3],
    ] as const) {
      expect([timestamp, (await table.snapshot({ timestamp })).version]).toEqual([timestamp, version]);
    }
    const old = await query(session, table, 'SELECT id FROM t ORDER BY id', { at: { version: 0 } });
    expect(old.rows.map((row) => row['id'])).toEqual([0n, 1n, 2n, 3n, 4n]);
  });

  it('a time after the clean-up of the log', async () => {
    const tenth = Date.parse('2020-05-08T22:47:31-07:00');
    const folder = copyWithTimes(folderOf('delta-rs/checkpoints_vacuumed'), (v) => tenth + (v - 10) * DAY);
    const table = tableIn(folder, await openSession());
    expect((await table.snapshot({ timestamp: '2020-05-09T00:47:31-07:00' })).version).toBe(10);
  });

  it('partition values are compared as what they are, not as text', async () => {
    const session = await openSession();
    const table = tableIn(folderOf('delta-rs/delta-0.8.0-numeric-partition'), session);
    expect((await query(session, table, 'SELECT * FROM t WHERE x <= 9')).read).toBe(1);
    expect((await query(session, table, 'SELECT * FROM t WHERE y < 10.0')).read).toBe(1);
    expect((await query(session, table, 'SELECT * FROM t WHERE x <= 10')).read).toBe(2);
  });

  it('partition columns of type string that hold numbers, booleans and dates', async () => {
    const session = await openSession();
    const table = tableIn(folderOf('delta-rs/partition-type-primitives'), session);
    for (const column of ['year', 'is_active', 'event_date', 'category']) {
      const { rows } = await query(session, table, `SELECT count(*) AS n FROM t GROUP BY ${column}`);
      expect(rows).toEqual([{ n: 8n }, { n: 8n }]);
      const values = await query(session, table, `SELECT DISTINCT ${column} AS value FROM t`);
      for (const { value } of values.rows) {
        const one = await query(session, table, `SELECT * FROM t WHERE ${column} = '${value}'`);
        expect([one.rows.length, one.read]).toEqual([8, 8]);
      }
    }
  });

  it('tombstones and the stale hint of a checkpoint', async () => {
    const session = await openSession();
    const old = await tableIn(folderOf('delta-rs/delta-0.2.0'), session).snapshot();
    expect([old.files.length, old.tombstones.length]).toEqual([3, 4]);
    const { tombstones } = await tableIn(folderOf('delta-rs/delta-0.8.0'), session).snapshot();
    expect(tombstones.map(({ path, deletionTimestamp }) => [path.slice(0, 19), deletionTimestamp])).toEqual([
      ['part-00001-911a94a2', 1615043776198],
    ]);
    const stale = await tableIn(folderOf('delta-rs/table_failed_last_checkpoint_update'), session).snapshot();
    expect(stale.version).toBe(3);
  });

  it('a change to a table with features that are not written is refused, by name', async () => {
    const session = await openSession();
    for (const [name, feature] of [
      ['delta-rs/issue-2152', 'identityColumns'],
      ['delta-rs/table_with_liquid_clustering', 'liquid'],
    ] as const) {
      const folder = copyWithTimes(folderOf(name), () => 1_700_000_000_000);
      const table = tableIn(folder, session);
      const snapshot = await table.snapshot();
      const relation = await table.scan({ slot: 'same', snapshot, files: [] });
      await expect(table.append(relation)).rejects.toMatchObject({
        code: 'DELTA_UNSUPPORTED',
        message: expect.stringContaining(feature),
      });
    }
  });
});
