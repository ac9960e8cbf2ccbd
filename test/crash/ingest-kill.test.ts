import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { tempFolder } from '../support/temp-folder.js';
import { runCli } from './cli.js';
import { bring, SOURCE, TURNS } from './ingest-scene.js';
import { expectScene, openScene } from './ingest-state.js';
import { randomNumbers } from './made-manifests.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 10);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);

it(`brings every row once, through ${KILLS} kills at any moment`, async () => {
  const random = randomNumbers(SEED);
  let kills = 0;
  let ended = 0;
  let duration = 1500;
  for (let round = 0; kills < KILLS; round++) {
    const folder = join(tempFolder(), `round-${round}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'lakeledger.yaml'), stringify({ sources: { s: SOURCE } }));
    for (const turn of TURNS.keys()) {
      bring(folder, turn);
      // Several kills of the same work, then a run to its end; a run that was done before its kill leaves nothing to kill.
      for (let tries = 1 + Math.floor(random() * 5); tries > 0 && kills < KILLS; tries--) {
        const { signal, code, stderr } = await runCli(['ingest'], {
          cwd: folder,
          killAfter: 150 + random() * duration,
        });
        if (signal === 'SIGKILL') kills += 1;
        else {
          expect([0, 1], stderr).toContain(code);
          ended += 1;
          break;
        }
      }
      const started = Date.now();
      const last = await runCli(['ingest', '-o', 'json'], { cwd: folder });
      duration = Date.now() - started;
      expect([0, 1], last.stderr).toContain(last.code);
      const desk = await openScene(folder);
      try {
        await expectScene(desk, turn);
      } catch (error) {
        throw new Error(`round ${round}, turn ${turn}, seed ${SEED}, after ${kills} kills: ${folder}`, {
          cause: error,
        });
      }
      await desk.lake.close();
    }
  }
  console.log(`${kills} kills, ${ended} runs that were done before theirs`);
});
