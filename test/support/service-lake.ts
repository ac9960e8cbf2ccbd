import { join } from 'node:path';
import { expect } from 'vitest';
import { Lake } from '../../src/lake.js';
import type { RunManifest } from '../../src/ledger/runs/run-manifest.js';
import { RunManifests } from '../../src/ledger/runs/run-manifests.js';
import { logFacts } from '../crash/lake-state.js';

/** Works with a lake and closes it. */
export async function withLake<T>(root: string, work: (lake: Lake) => Promise<T>): Promise<T> {
  const lake = await Lake.open({ root });
  try {
    return await work(lake);
  } finally {
    await lake.close();
  }
}

/** The run manifests of a date, the latest last; fails when one cannot be read. */
export async function manifestsOf(lake: Lake, source: string, date: string): Promise<readonly RunManifest[]> {
  const { manifests, problems } = await new RunManifests(lake.catalog.store).read(source, date);
  expect(problems).toEqual([]);
  return manifests;
}

/** Rows of the newest version of a table by what its log says; fails when a file of it is not whole. */
export function visibleRows(root: string, target: string): number {
  const { visible, broken } = logFacts(join(root, ...target.split('.')));
  expect(broken).toEqual([]);
  return [...visible.values()].reduce((sum, rows) => sum + rows, 0);
}

/** Ledger and rows agree, every run has told its end, and no try is open. */
export async function expectSound(lake: Lake): Promise<void> {
  const state = await lake.state();
  const { clean, findings } = await state.verify({ depth: 'full' });
  expect({ clean, findings }).toMatchObject({ clean: true, findings: [] });
  const { rows } = await lake.select(
    "SELECT run_id FROM metadata.ingestion_run WHERE status = 'running' OR ended_at IS NULL AND status <> 'failed'",
  );
  expect(rows).toEqual([]);
}
