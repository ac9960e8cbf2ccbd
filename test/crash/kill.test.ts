import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { countRows, findPython } from '../interop/delta-rs.js';
import { tempFolder } from '../support/temp-folder.js';
import { runCli } from './cli.js';
import { LEDGER_TABLES, lakeState, logFacts } from './lake-state.js';
import { madeManifests, ndjson, randomNumbers } from './made-manifests.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 10);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);
/** Kills of one lake before it is let run to its end. */
const KILLS_PER_LAKE = 10;
/** So small that a run makes hundreds of commits and a checkpoint. */
const BATCH = '12';

function writeInput(folder: string): string[] {
  const good = join(folder, 'good.ndjson');
  const mixed = join(folder, 'mixed.ndjson');
  writeFileSync(good, ndjson(madeManifests({ seed: SEED, count: 1000, keys: 300, days: 12 })));
  const more = madeManifests({ seed: SEED + 1, count: 400, keys: 400, days: 12 });
  const bad = [{ no: 'sha' }, { file_sha: 'x', pull_ts_utc: 'yesterday', status: 'INGESTED' }, 7];
  writeFileSync(mixed, ndjson([...more.slice(0, 200), ...bad, ...more.slice(200)]));
  return [good, mixed];
}

it(`gives the tables of an undisturbed run after ${KILLS} kills`, async () => {
  const folder = tempFolder();
  const python = findPython();
  const random = randomNumbers(SEED);
  const args = (lake: string) => ['record', ...input, '--lake', lake, '--batch-size', BATCH, '-o', 'json'];
  const input = writeInput(folder);

  const quiet = join(folder, 'quiet');
  const started = Date.now();
  expect(await runCli(args(quiet))).toMatchObject({ code: 1, signal: null });
  const duration = Date.now() - started;
  const expected = await lakeState(quiet);
  expect(expected.canonical.length).toBeGreaterThan(300);
  expect(expected.events).toHaveLength(1400);
  expect(expected.quarantine).toHaveLength(3);

  let kills = 0;
  let orphans = 0;
  for (let round = 0; kills < KILLS; round++) {
    const lake = join(folder, `killed-${round}`);
    let here = 0;
    while (here < Math.min(KILLS_PER_LAKE, KILLS - kills)) {
      // A kill mostly lands in the work that the runs before it left over; some land in the start of the process.
      const { code, signal } = await runCli(args(lake), { killAfter: random() * duration * (2 / KILLS_PER_LAKE) + 50 });
      if (signal !== 'SIGKILL') {
        expect(code).toBe(1);
        break;
      }
      here += 1;
      for (const name of LEDGER_TABLES) {
        const table = join(lake, 'metadata', name);
        if (existsSync(join(table, '_delta_log'))) expect(logFacts(table).broken).toEqual([]);
      }
    }
    kills += here;
    const last = await runCli(args(lake));
    expect(last, last.stderr).toMatchObject({ code: 1, signal: null });
    // Code 1 for its three rejections, not for a program that could not start.
    expect(JSON.parse(last.stdout)).toMatchObject({ rejected: 3 });
    expect(await lakeState(lake)).toEqual(expected);
    for (const name of LEDGER_TABLES) {
      const table = join(lake, 'metadata', name);
      const facts = logFacts(table);
      orphans += facts.orphans.length;
      expect(facts.broken).toEqual([]);
      const rows = [...facts.visible.values()].reduce((a, b) => a + b, 0);
      const wanted = { ingestion_manifest: expected.canonical, ingestion_event: expected.events };
      expect(rows).toBe((wanted[name as keyof typeof wanted] ?? expected.quarantine).length);
      if (python !== undefined) expect(countRows(python, table)).toBe(rows);
    }
    const again = await runCli(args(lake));
    expect(JSON.parse(again.stdout)).toMatchObject({ events: 0, inserted: 0, updated: 0, batches: 0 });
    console.log(`lake ${round}: ${here} kills, ${kills} in all`);
  }
  const commits = LEDGER_TABLES.reduce((sum, name) => sum + logFacts(join(quiet, 'metadata', name)).commits, 0);
  console.log(
    `kills ${kills}; undisturbed run ${(duration / 1000).toFixed(1)} s, ${commits} commits ` +
      `(${((commits / duration) * 1000).toFixed(1)}/s); ${orphans} invisible orphan files left; delta-rs ${python ? 'agrees' : 'not asked'}`,
  );
});
