import type { RunManifest } from '../../src/ledger/runs/run-manifest.js';

let seq = 0;

/** A run manifest; each that is made saw more of the ledger than the one before. */
export function runManifest(fields: Partial<RunManifest> = {}): RunManifest {
  seq++;
  return {
    source: 'orders',
    source_type: 'postgres',
    environment: 'test',
    run_id: `run-${seq}`,
    ingest_date: '2026-03-02',
    status: 'success',
    started_at: '2026-03-03T05:00:00.000Z',
    ended_at: '2026-03-03T05:01:00.000Z',
    errors: [],
    outputs: {},
    seq,
    actor: 'test',
    tool_version: '0.0.0',
    skip_check: null,
    waived: null,
    rerun: false,
    ...fields,
  };
}
