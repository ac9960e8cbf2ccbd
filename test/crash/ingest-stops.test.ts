import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { STEPS } from '../../src/ingest/context.js';
import { tempFolder } from '../support/temp-folder.js';
import { bring, TURNS } from './ingest-scene.js';
import { expectScene, ingestInChild, openScene } from './ingest-state.js';

/** Also every pair of a kill and a kill of the run that recovers. */
const ALL = process.env['CRASH_ALL_STOPS'] !== undefined;

/** The steps that a run comes to, each with its number among its own. */
async function stepsOf(folder: string): Promise<readonly (readonly [string, number])[]> {
  const { code, stdout, stderr } = await ingestInChild(folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const seen = new Map<string, number>();
  return stdout
    .trimEnd()
    .split('\n')
    .map((step) => {
      seen.set(step, (seen.get(step) ?? 0) + 1);
      return [step, seen.get(step) ?? 1] as const;
    });
}

it.each(TURNS.map((_, turn) => turn))(
  'killed at every step of turn %i, the next run brings every row once',
  async (turn) => {
    const root = tempFolder();
    const base = join(root, 'base');
    for (let before = 0; before < turn; before++) {
      bring(base, before);
      await ingestInChild(base);
    }
    bring(base, turn);
    const quiet = join(root, 'quiet');
    cpSync(base, quiet, { recursive: true, preserveTimestamps: true });
    const steps = await stepsOf(quiet);
    await expectScene(await openScene(quiet), turn);
    expect(STEPS.filter((step) => !steps.some(([name]) => name === step))).toEqual([]);

    for (const [i, [step, occurrence]] of steps.entries()) {
      const folder = join(root, 'killed');
      cpSync(base, folder, { recursive: true, preserveTimestamps: true });
      const end = await ingestInChild(folder, step, occurrence);
      expect(end.signal, `${step} ${end.stderr}`).toBe('SIGKILL');
      // The run that recovers is cut short too, with CRASH_ALL_STOPS at each of its steps.
      for (const again of ALL ? STEPS : STEPS.slice((turn * 3 + i) % STEPS.length).slice(0, 1)) {
        await ingestInChild(folder, again, 1);
      }
      const desk = await openScene(folder);
      try {
        await desk.ingest();
        await expectScene(desk, turn);
      } catch (error) {
        throw new Error(`killed at ${step} ${occurrence} of turn ${turn}`, { cause: error });
      }
      await desk.lake.close();
      rmSync(folder, { recursive: true });
    }
    console.log(`turn ${turn}: killed at ${steps.map(([step]) => step).join(', ')}`);
  },
);
