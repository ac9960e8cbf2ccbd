import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { ResolvedSource } from '../../src/ingest/config/source-config.js';
import type { Step } from '../../src/ingest/context.js';

const CHILD = fileURLToPath(new URL('../services/table-child.mjs', import.meta.url));

/** What a process is to do. */
export interface ChildRun {
  /** Of the lake. */
  readonly root: string;
  readonly source: ResolvedSource;
  readonly request: { readonly date: string; readonly rerun?: boolean; readonly takeOver?: boolean };
}

/** Where it kills itself. */
export interface Stop {
  readonly step: Step;
  /** The first is 1. */
  readonly occurrence: number;
}

export interface ChildEnd {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a source in a process of its own, which kills itself at a step if it comes to that. */
export function runInChild(run: ChildRun, stop?: Stop): Promise<ChildEnd> {
  const { PATH, HOME, LAKE_UNDER_TEST } = process.env;
  const tested = LAKE_UNDER_TEST === undefined ? {} : { LAKE_UNDER_TEST };
  // What a killed process leaves in the temporary folder goes with the test.
  const scratch = join(run.root, '..', 'scratch');
  mkdirSync(scratch, { recursive: true });
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD], {
      env: { PATH, HOME, ...tested, TMPDIR: scratch, TABLE_RUN: JSON.stringify({ ...run, ...stop }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Runs a source to its end and tells the steps that it came to, each with its number among its own. */
export async function stepsInChild(run: ChildRun): Promise<readonly Stop[]> {
  const { code, stdout, stderr } = await runInChild(run);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const seen = new Map<Step, number>();
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const step = line as Step;
      const occurrence = (seen.get(step) ?? 0) + 1;
      seen.set(step, occurrence);
      return { step, occurrence };
    });
}
