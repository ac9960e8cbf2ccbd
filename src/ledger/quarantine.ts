import { createHash } from 'node:crypto';
import { readSqlFile } from '../base/sql-file.js';
import type { Session } from '../duckdb/session.js';
import type { Rejection } from '../manifest/index.js';
import type { LakeCatalog } from './catalog.js';
import { QUARANTINE_TABLE } from './tables.js';

function quarantineId({ file, line, field, reason, text }: Rejection): string {
  return createHash('sha256')
    .update(JSON.stringify([file, line, field, reason, text]))
    .digest('hex');
}

/**
 * Keeps rejected manifests with their text in `metadata.manifest_quarantine`; one that is there already (same place, same
 * reason, same text) is not added again. Returns how many were new.
 */
export async function quarantine(
  deps: { readonly session: Session; readonly catalog: LakeCatalog },
  rejections: readonly Rejection[],
  at: { readonly runId: string; readonly now: number },
): Promise<number> {
  if (rejections.length === 0) return 0;
  const rows = rejections.map((rejection) => ({
    quarantine_id: quarantineId(rejection),
    quarantined_at: new Date(at.now).toISOString(),
    run_id: at.runId,
    ...rejection,
  }));
  await deps.session.run(readSqlFile('ledger', 'stage_rejections'), { rows: JSON.stringify(rows) });
  return deps.catalog.appendNew(deps.session, QUARANTINE_TABLE, { table: 'rejected_manifest', id: 'quarantine_id' });
}
