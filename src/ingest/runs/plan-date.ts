import { RunManifests, type SkipState } from '../../ledger/runs/run-manifests.js';
import type { ResolvedSource } from '../config/source-config.js';
import type { IngestDeps } from '../context.js';
import type { IngestRequest, PlannedFile } from '../result.js';
import { tablePath } from '../table/table-ingest.js';

/** Whether it matters to a run that the date of a source has succeeded. */
export function asksForDate({ skipIfSuccess }: ResolvedSource, request: IngestRequest): boolean {
  const { rerun, fullRefresh, retryNow, only } = request;
  return skipIfSuccess && rerun !== true && fullRefresh !== true && retryNow === undefined && only === undefined;
}

/** Why a run would not be needed, in words; null when it is. */
export function skipReason(date: string, check: SkipState | undefined): string | null {
  if (check?.state !== 'succeeded') return null;
  return `${date} has succeeded in run ${check.manifest.run_id}; --rerun runs it again`;
}

/** The plan for a source whose date has succeeded; undefined for one that is run. */
export async function planSkip(
  { catalog }: Pick<IngestDeps, 'catalog'>,
  at: { readonly source: ResolvedSource; readonly request: IngestRequest; readonly runDate: string },
): Promise<PlannedFile | undefined> {
  const { source, request, runDate } = at;
  if (!asksForDate(source, request)) return undefined;
  const check = await new RunManifests(catalog.store).skipCheck(source.name, runDate);
  const reason = skipReason(runDate, check);
  if (reason === null) return undefined;
  const { table, connection } = source;
  return {
    source: source.name,
    target: source.target,
    path: table === undefined || connection === undefined ? source.patterns.join(' ') : tablePath(connection, table),
    file_sha: null,
    size: 0,
    business_date: runDate,
    decision: 'skip',
    rule: 'date_succeeded',
    reason,
    evidence: { run_id: check.state === 'succeeded' ? check.manifest.run_id : null },
  };
}
