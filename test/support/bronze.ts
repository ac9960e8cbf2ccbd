import { createHash } from 'node:crypto';
import { systemClock } from '../../src/base/clock.js';
import { schemaFromDuckdb } from '../../src/delta/index.js';
import type { LedgerWriter } from '../../src/ingest/events/record-events.js';
import { batchAppId, LINEAGE, renderMark } from '../../src/ingest/load/target.js';
import type { FileEvent } from '../../src/ingest/model.js';
import type { Lake } from '../../src/lake.js';
import { sql } from './delta.js';
import { fileEvent, recordEvents } from './file-events.js';

export const TARGET = 'bronze.daily';

/** What the functions of `src/ingest` work with, of a lake. */
export async function writerOf(lake: Lake): Promise<LedgerWriter> {
  return { session: await lake.session(), catalog: lake.catalog, key: 'file_sha', clock: systemClock };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** One file as a run loads it. */
export interface Load {
  readonly path: string;
  readonly sha: string;
  readonly rows: number;
  readonly runId?: string;
  readonly source?: string;
  readonly target?: string;
  /** Shas whose rows of the path go in the same commit. */
  readonly replaced?: readonly string[];
  /** The commit says nothing about itself, as after a clean-up of the log. */
  readonly unmarked?: boolean;
  readonly batch: number;
}

/** Commits the rows of files of one batch as `ingest` does, without a word to the ledger. */
export async function loadRows(lake: Lake, ...loads: readonly [Load, ...Load[]]): Promise<void> {
  const [{ batch, source = 'daily', target = TARGET, runId = `run-${batch}`, unmarked }] = loads;
  const table = lake.catalog.table(target);
  await table.create({
    schema: schemaFromDuckdb([{ name: 'n', type: 'BIGINT' }, ...LINEAGE]),
    partitionColumns: ['_ingest_date'],
  });
  const rows = loads.map(
    ({ path, sha, rows: count }) => `SELECT n, '${sha}' AS _file_sha, '${runId}' AS _run_id, n + 1 AS _row_no,
      '${path}' AS _source_path, NULL::VARCHAR AS _rescued_data, DATE '2026-01-02' + ${batch} AS _ingest_date
      FROM range(${count}) r(n)`,
  );
  const gone = loads.flatMap(({ path, replaced = [] }) =>
    replaced.map((old) => `(_source_path = '${path}' AND _file_sha = '${old}')`),
  );
  const files = loads.map(({ path, sha, rows: count }) => {
    return { path, sha, rows: count, git_sha: null, size: 100, rescued: 0, rejected: 0 };
  });
  await table.append(sql(rows.join(' UNION ALL ')), {
    txn: { appId: batchAppId(source, target), version: batch, lastUpdated: 0 },
    ...(gone.length === 0 ? {} : { deleteWhere: gone.join(' OR ') }),
    ...(unmarked === true ? {} : { userMetadata: renderMark({ run_id: runId, source, batch, files }) }),
  });
}

/** The event that says a load is done. */
export function loadedEvent(load: Load, more: Partial<FileEvent> = {}): FileEvent {
  const { path, sha, rows, batch, runId = `run-${batch}`, source = 'daily', target = TARGET, replaced } = load;
  return fileEvent({
    path,
    sha,
    rows,
    batch,
    runId,
    source,
    target,
    seq: batch,
    ...(replaced === undefined ? {} : { action: 'replace', rule: 'correction', detail: { replaced } }),
    ...more,
  });
}

/** Rows and event of a load. */
export async function load(lake: Lake, one: Load, more: Partial<FileEvent> = {}): Promise<void> {
  await loadRows(lake, one);
  await recordEvents(lake, [loadedEvent(one, more)], one.runId ?? `run-${one.batch}`);
}
