import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSession, sql, tableIn } from '../support/delta.js';
import { tempFolder } from '../support/temp-folder.js';
import {
  createAccounts,
  type Done,
  expectCheckpointsRight,
  expectTotals,
  notesIn,
  readLog,
  runChild,
} from './delta-accounts.js';
import { randomNumbers } from './made-manifests.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 10);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);

const LAYOUTS = [
  {},
  { 'delta.enableDeletionVectors': 'true', 'delta.enableChangeDataFeed': 'true' },
  { 'delta.enableDeletionVectors': 'true', 'delta.checkpointPolicy': 'v2', 'delta.columnMapping.mode': 'name' },
];

/** Notes that must be there, and those of operations whose end nobody heard. */
function expectedNotes(done: readonly Done[]): { sure: Set<number>; open: Set<number> } {
  const sure = new Set<number>();
  for (const { start, note, gone } of done) {
    if (start !== true && note !== undefined) sure.add(note);
    if (gone !== undefined) sure.delete(gone);
  }
  const last = done.at(-1);
  const open = new Set(last?.start === true && last.note !== undefined ? [last.note] : []);
  return { sure, open };
}

it.each(LAYOUTS.map((properties, i) => ({ properties, i })))(
  `${KILLS} kills of a writer: the table is whole after each (layout $i)`,
  async ({ properties, i }) => {
    const session = await openSession();
    const random = randomNumbers(SEED + i);
    const folder = join(tempFolder(), 'accounts');
    await createAccounts(folder, session, properties);
    let seen = 1;
    let notes = new Set<number>();
    let done = 0;
    for (let n = 0; n < KILLS; n++) {
      const seed = 100 + n;
      const kill = { words: 1 + Math.floor(random() * 12), delay: random() * 120 };
      const result = await runChild(folder, { writer: 0, seed, operations: 0, kill });
      const last = `${JSON.stringify(result.done.at(-1))} ${result.stderr}`;
      expect(result, last).toMatchObject({ signal: 'SIGKILL' });
      done += result.done.filter(({ start }) => start !== true).length;
      const log = readLog(folder);
      const { sure, open } = expectedNotes(result.done);
      const there = await notesIn(folder, session);
      // Everything that was said stays; what was being done when the kill came is there or not.
      for (const note of notes) expect(there.has(note) || open.has(note), `note ${note}`).toBe(true);
      for (const note of sure) expect(there.has(note) || open.has(note), `note ${note}`).toBe(true);
      const more = [...there].filter((note) => !notes.has(note) && !sure.has(note));
      expect(more.length, `unsaid ${more}`).toBeLessThanOrEqual(1);
      notes = there;
      await expectTotals(folder, session, seen);
      seen = log.length - 1;
      expect((await tableIn(folder, session).verify({ deep: true })).findings).toEqual([]);
      const next = await tableIn(folder, session).append(sql(`SELECT ${900_000 + n} AS id, 0 AS amount, 1 AS part`));
      expect(next).toMatchObject({ version: log.length, committed: true });
      notes.add(900_000 + n);
    }
    const log = readLog(folder);
    await expectTotals(folder, session);
    await expectCheckpointsRight(folder, session, log);
    const before = [...(await notesIn(folder, session))].sort();
    const clock = { now: () => Date.now() + 40 * 86_400_000, random: Math.random };
    const { files } = await tableIn(folder, session, { clock }).vacuum({ retentionHours: 0, force: true });
    expect([...(await notesIn(folder, session))].sort()).toEqual(before);
    expect((await tableIn(folder, session, { clock }).verify({ deep: true })).findings).toEqual([]);
    console.log(
      `${KILLS} kills, ${done} operations, ${log.length} commits; ${files.length} old and orphaned files deleted`,
    );
  },
);
