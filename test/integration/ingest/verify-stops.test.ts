import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileEvents } from '../../../src/ingest/events/read-events.js';
import { adHocSource, STEPS, type Step } from '../../../src/ingest/index.js';
import type { CorrectionPolicy } from '../../../src/ingest/model.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import { rebuildState } from '../../../src/ingest/verify/rebuild.js';
import { verifyLake } from '../../../src/ingest/verify/verify.js';
import type { Lake } from '../../../src/lake.js';
import { TARGET, writerOf } from '../../support/bronze.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

const WHO = { runId: 'verify-1', actor: 'tester' };

/** A folder of CSV files; what is delivered later takes the place of what was there. */
function delivery(correction: CorrectionPolicy = 'replace') {
  const cwd = tempFolder();
  mkdirSync(join(cwd, 'in'));
  const deliver = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, 'in', name), text);
  };
  /** What should be in the target when each file is there once. */
  const numbers = () =>
    [...new Set(readdirSync(join(cwd, 'in')).map((name) => readFileSync(join(cwd, 'in', name), 'utf8')))]
      .flatMap((text) => text.trim().split('\n').slice(1).map(Number))
      .sort((a, b) => a - b);
  const sources = [adHocSource({ files: ['in/*.csv'], into: TARGET, cwd, options: { correction, keepRaw: true } })];
  return { deliver, numbers, sources };
}

async function numbersIn(lake: Lake): Promise<number[]> {
  const { rows } = await lake.select(`SELECT n::INTEGER AS n FROM ${TARGET} ORDER BY n`);
  return rows.map(({ n }) => Number(n));
}

async function verify(lake: Lake, repair = false) {
  return verifyLake(await writerOf(lake), { ...WHO, depth: 'full', repair });
}

/** What the ledger says is loaded, without the words. */
async function loaded(lake: Lake): Promise<unknown> {
  const { events } = await readFileEvents(await writerOf(lake), { target: TARGET });
  const states = new FileStates(events);
  return Object.fromEntries(
    [...states.paths()].sort().flatMap((path) => {
      const loads = states.loads(path).map(({ sha, rows }) => [sha, rows]);
      return loads.length === 0 ? [] : [[path, loads]];
    }),
  );
}

async function stopAt(lake: Lake, sources: ReturnType<typeof delivery>['sources'], step: Step): Promise<void> {
  const onStep = (reached: Step) => {
    if (reached === step) throw new Error(`stopped at ${step}`);
  };
  await lake.ingest({ sources }, { onStep }).catch((error: Error) => expect(error.message).toBe(`stopped at ${step}`));
}

describe('after a stop at any step', () => {
  it.each(STEPS)('%s: a repair only adds what is true, and the next ingest ends in a clean lake', async (step) => {
    const lake = await openLake();
    const { deliver, numbers, sources } = delivery();
    deliver({ 'a.csv': 'n\n1\n2\n', 'b.csv': 'n\n1\n2\n', 'c.csv': 'n\n3\n' });
    await lake.ingest({ sources });
    expect(await verify(lake)).toMatchObject({ clean: true });
    // The rows of a.csv go to b.csv, which has the same bytes; d.csv is new, e.csv has no rows.
    deliver({ 'a.csv': 'n\n4\n5\n6\n', 'd.csv': 'n\n7\n', 'e.csv': 'n\n' });
    await stopAt(lake, sources, step);
    const before = await numbersIn(lake);
    const killed = await openLake({ root: lake.catalog.root });
    const first = await verify(killed, true);
    expect(await numbersIn(killed)).toEqual(before);
    // What is left is what was not committed, or sources that are ahead of the lake.
    const left = first.findings.filter(({ level, repaired }) => level === 'error' && !repaired).map(({ kind }) => kind);
    expect(left.filter((kind) => kind !== 'open_batch' && kind !== 'source_changed')).toEqual([]);
    expect((await verify(killed, true)).events).toBe(0);
    await killed.ingest({ sources });
    expect(await numbersIn(killed)).toEqual(numbers());
    expect((await verify(killed)).findings).toEqual([]);
    expect((await killed.ingest({ sources })).processed).toBe(0);
  });
});

describe('a history of corrections', () => {
  it.each(['replace', 'append'] as const)(
    'with %s verifies after each step and can be made again',
    async (correction) => {
      const lake = await openLake();
      const { deliver, sources } = delivery(correction);
      for (const content of ['n\n1\n', 'n\n2\n3\n', 'n\n1\n', 'n\n2\n3\n', 'n\n4\n']) {
        deliver({ 'a.csv': content, 'same.csv': 'n\n1\n' });
        await lake.ingest({ sources });
        expect((await verify(lake)).findings).toEqual([]);
      }
      const before = await loaded(lake);
      expect(await rebuildState(await writerOf(lake), WHO)).toMatchObject({ differences: [], events: 0 });
      rmSync(join(lake.catalog.root, 'metadata'), { recursive: true });
      const lost = await openLake({ root: lake.catalog.root });
      await rebuildState(await writerOf(lost), WHO);
      expect(await loaded(lost)).toEqual(before);
      expect(await lost.ingest({ sources })).toMatchObject({ processed: 0, failed: 0 });
      expect((await verify(lost)).findings).toEqual([]);
    },
  );
});
