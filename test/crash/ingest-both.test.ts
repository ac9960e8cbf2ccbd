import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { tempFolder } from '../support/temp-folder.js';
import { type CliResult, runCli } from './cli.js';
import { bring, SOURCE, TURNS } from './ingest-scene.js';
import { expectScene, openScene } from './ingest-state.js';
import { randomNumbers } from './made-manifests.js';

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 2);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);
const LOCKED = 5;

function makeFolder(): string {
  const folder = join(tempFolder(), 'both');
  mkdirSync(folder);
  writeFileSync(join(folder, 'lakeledger.yaml'), stringify({ sources: { s: SOURCE } }));
  return folder;
}

async function expectTurn(folder: string, turn: number, what: string): Promise<void> {
  const desk = await openScene(folder);
  try {
    await expectScene(desk, turn);
  } catch (error) {
    throw new Error(`${what}, turn ${turn}`, { cause: error });
  }
  await desk.lake.close();
}

function expectCodes(runs: readonly CliResult[], allowed: readonly number[]): void {
  for (const { code, stderr } of runs) expect(allowed, `exit code ${code}: ${stderr}`).toContain(code);
}

describe('several ingest of one source at once', () => {
  it('without more, one works and the others are told who does', async () => {
    const folder = makeFolder();
    for (const turn of TURNS.keys()) {
      bring(folder, turn);
      const runs = await Promise.all([1, 2, 3].map(() => runCli(['ingest'], { cwd: folder })));
      // Code 1 for the broken file.
      expectCodes(runs, [0, 1, LOCKED]);
      expect(runs.filter(({ code }) => code !== LOCKED)).not.toHaveLength(0);
      for (const { code, stderr } of runs)
        if (code === LOCKED) expect(stderr).toMatch(/is being loaded by process \d+/);
      await expectTurn(folder, turn, 'locked');
    }
  });

  it('with --take-over all of them run, and every row comes once', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const folder = makeFolder();
      for (const turn of TURNS.keys()) {
        bring(folder, turn);
        const runs = await Promise.all([1, 2, 3].map(() => runCli(['ingest', '--take-over'], { cwd: folder })));
        expectCodes(runs, [0, 1]);
        await expectTurn(folder, turn, `round ${round}`);
      }
    }
  });

  it('with corrections that arrive and kills that come while they run', async () => {
    const random = randomNumbers(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const folder = makeFolder();
      bring(folder, 0);
      const killed: CliResult[] = [];
      for (const turn of TURNS.keys()) {
        const runs = [0, 1, 2].map((i) => {
          const killAfter = i === 0 || random() < 0.3 ? 300 + random() * 2500 : undefined;
          return runCli(['ingest', '--take-over'], { cwd: folder, ...(killAfter === undefined ? {} : { killAfter }) });
        });
        await new Promise((resolve) => setTimeout(resolve, 300 + random() * 1500));
        if (turn + 1 < TURNS.length) bring(folder, turn + 1);
        const ended = await Promise.all(runs);
        killed.push(...ended.filter(({ signal }) => signal !== null));
        expectCodes(
          ended.filter(({ signal }) => signal === null),
          [0, 1],
        );
      }
      expectCodes([await runCli(['ingest'], { cwd: folder })], [0, 1]);
      await expectTurn(folder, TURNS.length - 1, `round ${round}, ${killed.length} killed`);
    }
  });
});
