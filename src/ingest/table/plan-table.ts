import type { ResolvedSource } from '../config/source-config.js';
import type { IngestDeps } from '../context.js';
import { readFileEvents } from '../events/read-events.js';
import { BronzeTarget } from '../load/target.js';
import { assertStateKept } from '../plan/view.js';
import type { IngestRequest, PlannedFile } from '../result.js';
import { tablePath } from './table-ingest.js';
import { findWatermark } from './watermark.js';

/** What `ingest` would do with a table, as far as the lake tells; nothing is connected to. Throws `STATE_LOST`. */
export async function planTable(
  deps: Pick<IngestDeps, 'session' | 'catalog'>,
  at: { readonly source: ResolvedSource; readonly request: IngestRequest; readonly runDate: string },
): Promise<PlannedFile> {
  const { source, request, runDate } = at;
  const { table, connection } = source;
  if (table === undefined || connection === undefined) throw new Error(`${source.name} is no table`);
  const target = new BronzeTarget({ catalog: deps.catalog, name: source.target });
  await assertStateKept(deps, { target: target.name, snapshot: await target.findSnapshot() });
  const { events } = await readFileEvents(deps, { source: source.name, target: source.target });
  const known = request.fullRefresh === true ? undefined : findWatermark(events);
  const since = table.watermark !== undefined && known?.column === table.watermark.column ? known.value : null;
  const base = {
    source: source.name,
    target: source.target,
    path: tablePath(connection, table),
    file_sha: null,
    size: 0,
    business_date: runDate,
    evidence: { since, late_from: known?.late_from ?? null },
  };
  if (table.watermark === undefined) {
    return { ...base, decision: 'load', rule: 'full_load', reason: 'the whole table is read' };
  }
  const from =
    since === null ? 'the whole table is read' : `rows with ${table.watermark.column} from ${since} on are read`;
  return { ...base, decision: 'load', rule: 'incremental_load', reason: from };
}
