import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.js';
import type { SqlRow } from '../../src/duckdb/values.js';
import { Lake, type LedgerKey, type RecordOptions, type RecordResult } from '../../src/lake.js';
import { tempFolder } from './temp-folder.js';

/** A lake in a new folder (or in `root`), closed when the test is over. */
export async function openLake(options: { root?: string; key?: LedgerKey; clock?: Clock } = {}): Promise<Lake> {
  const lake = await Lake.open({
    root: options.root ?? tempFolder(),
    clock: options.clock ?? systemClock,
    ...(options.key === undefined ? {} : { key: options.key }),
  });
  onTestFinished(() => lake.close());
  return lake;
}

/** Records manifests given as objects. */
export function recordObjects(
  lake: Lake,
  manifests: readonly object[],
  options: RecordOptions = {},
): Promise<RecordResult> {
  const text = manifests.map((manifest) => `${JSON.stringify(manifest)}\n`).join('');
  return lake.record(['-'], { ...options, stdin: Readable.from([Buffer.from(text)]) });
}

/** The canonical rows without `updated_at` and the bookkeeping of the ledger, sorted by key; `events` is how many events each row is folded from. */
export async function canonicalRows(lake: Lake): Promise<readonly SqlRow[]> {
  const { rows } = await lake.select(
    `SELECT manifest_id, status, error_message, reprocess, source_repo, file_path, ingest_date,
       strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS pull_ts_utc, size_bytes::DOUBLE AS size_bytes,
       row_count_estimate, target_backend, dest_path,
       nullif(json_merge_patch(meta::JSON, '{"_ledger": null}')::VARCHAR, '{}') AS meta
     FROM metadata.ingestion_manifest ORDER BY manifest_id`,
  );
  return rows;
}

/** Everything about the canonical table that may not depend on order, batches or runs, the ledger's memory included. */
export async function canonicalState(lake: Lake): Promise<readonly SqlRow[]> {
  const { rows } = await lake.select(
    'SELECT * EXCLUDE (updated_at) FROM metadata.ingestion_manifest ORDER BY manifest_id',
  );
  return rows;
}
