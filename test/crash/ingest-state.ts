import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { isSettled } from '../../src/ingest/load/open-tries.js';
import { FileStates } from '../../src/ingest/plan/state.js';
import { Desk } from '../support/ingest-desk.js';
import { contentsAfter, EXPECTED, SOURCE } from './ingest-scene.js';
import { logFacts } from './lake-state.js';

const CHILD = fileURLToPath(new URL('./ingest-child.mjs', import.meta.url));

export interface ChildEnd {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ingests in a process of its own, which kills itself at the n-th time that it comes to a step. */
export function ingestInChild(
  folder: string,
  ...at: readonly [] | readonly [step: string, occurrence: number]
): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, folder, JSON.stringify(SOURCE), ...at.map(String)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A lake of the scene in a folder. */
export function openScene(folder: string): Promise<Desk> {
  return Desk.open(SOURCE, { folder });
}

/** Every row once and under its path, the ledger says so, nothing is open, and one more run makes no commit. */
export async function expectScene(desk: Desk, turn: number): Promise<void> {
  const contents: Readonly<Record<string, string>> = contentsAfter(turn);
  const expected: Readonly<Record<string, number>> = EXPECTED[turn] ?? {};
  const rows = await desk.rows(
    `SELECT _source_path AS path, _file_sha AS sha, count(*)::INTEGER AS n, count(DISTINCT _row_no)::INTEGER AS different
     FROM bronze.t GROUP BY ALL ORDER BY ALL`,
  );
  expect(rows).toEqual(
    Object.entries(expected).map(([path, n]) => ({
      path: `in/${path}`,
      sha: sha256(contents[path] ?? ''),
      n,
      different: n,
    })),
  );
  const { visible, broken } = logFacts(join(desk.folder, 'lake', 'bronze', 't'));
  expect(broken).toEqual([]);
  const inLog = [...visible.values()].reduce((sum, count) => sum + count, 0);
  expect(inLog).toBe(Object.values(expected).reduce((sum, count) => sum + count, 0));

  const states = new FileStates(await desk.events());
  // A run that lost a race leaves its try open when another one has told the end.
  expect(states.open().filter((event) => !isSettled(states, event))).toEqual([]);
  for (const [path, text] of Object.entries(contents)) {
    const at = `in/${path}`;
    const sha = sha256(text);
    const loaded = expected[path] !== undefined;
    const isCopy = path === 'copy.csv' && turn === 0;
    const state = [path, states.current(at)?.sha, states.loadedShas(at), states.outcome(at, sha)?.status];
    const status = states.outcome(at, sha)?.rule === 'returned' ? 'REPROCESSED' : 'INGESTED';
    if (loaded) expect(state).toEqual([path, sha, [sha], status]);
    else expect(state).toEqual(isCopy ? [path, sha, [], 'SKIPPED'] : [path, undefined, [], 'FAILED']);
  }
  const rejects = await desk.rows(
    'SELECT kind, coalesce(line, row_no)::INTEGER AS line, count(*)::INTEGER AS n FROM metadata.reject GROUP BY ALL ORDER BY ALL',
  );
  expect(rejects).toEqual(REJECTS);
  const runs = await desk.rows(
    `SELECT count(*)::INTEGER AS n FROM metadata.ingestion_run WHERE status = 'running' OR ended_at IS NULL AND status = 'success'`,
  );
  expect(runs).toEqual([{ n: 0 }]);
  await desk.expectSettled();
}

const REJECTS = [
  { kind: 'expectation', line: 2, n: 1 },
  { kind: 'parse', line: 3, n: 1 },
];
