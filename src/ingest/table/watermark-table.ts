import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import { WATERMARK_TABLE } from '../../ledger/index.js';
import type { IngestDeps } from '../context.js';
import type { KnownWatermark } from './watermark.js';

type TableDeps = Pick<IngestDeps, 'session' | 'catalog'>;

/** Puts what the events say into `metadata.watermark`; no commit when it is there already. */
export async function writeWatermark(deps: TableDeps, watermark: KnownWatermark): Promise<void> {
  const { session, catalog } = deps;
  const row = {
    source_name: watermark.source,
    target: watermark.target,
    watermark_column: watermark.column,
    watermark_value: watermark.value,
    watermark_type: watermark.type,
    late_from: watermark.late_from,
    open_transactions: watermark.open,
    updated_at: watermark.at,
    run_id: watermark.runId,
    reason: watermark.reason,
  };
  if (await isWritten(deps, row)) return;
  await catalog.ensure(WATERMARK_TABLE);
  const columns = Object.keys(row).map((name) => `"${name}": "VARCHAR"`);
  const json = trustedFragment(`[{${columns.join(', ')}}]`);
  await session.run(fillSql(readSqlFile('ingest', 'watermark_row'), { json }), { rows: JSON.stringify([row]) });
  await catalog.table(WATERMARK_TABLE).mergeInto({
    source: trustedFragment(readSqlFile('ingest', 'watermark_row_typed')),
    on: 'target.source_name = source.source_name AND target.target = source.target',
    whenMatched: [{ update: '*' }],
    whenNotMatched: [{ insert: '*' }],
  });
}

async function isWritten({ session, catalog }: TableDeps, row: Readonly<Record<string, unknown>>): Promise<boolean> {
  const snapshot = await catalog.findSnapshot(WATERMARK_TABLE);
  if (snapshot === undefined) return false;
  const known = await catalog.table(WATERMARK_TABLE).scan({ slot: 'watermarks', snapshot, files: snapshot.files });
  const { source_name: source, target, watermark_value: value, updated_at: at } = row;
  const params = { source: String(source), target: String(target), value: value as string | null, at: String(at) };
  return (await session.rows(fillSql(readSqlFile('ingest', 'watermark_known'), { known }), params)).length > 0;
}
