import { type Clock, eventTime } from '../../base/clock.js';
import { usageError } from '../../base/lake-error.js';
import { packageVersion } from '../../base/package-root.js';
import type { Session } from '../../duckdb/session.js';
import type { LakeCatalog } from '../../ledger/catalog.js';
import { isWaiver, type RunManifest } from '../../ledger/runs/run-manifest.js';
import { RunManifests, skipStateOf } from '../../ledger/runs/run-manifests.js';
import { EVENT_TABLE, KEY_PROPERTY, type LedgerKey, MANIFEST_TABLE } from '../../ledger/tables.js';
import { type CanonicalManifest, parseManifest } from '../../manifest/index.js';
import { recordManifests } from '../events/record-events.js';

/** What waiving a date needs of a lake. */
export interface WaiverDeps {
  readonly session: Session;
  readonly catalog: LakeCatalog;
  readonly clock: Clock;
}

/** That a source needs no data of a date, and why. */
export interface WaiverRequest {
  readonly source: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly reason: string;
  readonly runId: string;
  readonly actor: string;
  readonly environment?: string | null;
  /** Decide everything, write nothing. */
  readonly dryRun?: boolean;
}

/** What came of it. */
export interface WaiverResult {
  /** The waiver that stands now: this one, or the one that was there before. */
  readonly manifest: RunManifest;
  /** Whether the date was waived before; nothing is written then. */
  readonly already: boolean;
}

/**
 * Says of a date of a source that it needs no data: it is no gap any more, and runs go on after it. The waiver is an event in the ledger first, and
 * then a run manifest. Throws a usage error without a reason, and for a date that has succeeded.
 */
export async function waiveDate(deps: WaiverDeps, request: WaiverRequest): Promise<WaiverResult> {
  const { source, date, runId, actor, dryRun = false } = request;
  const reason = request.reason.trim();
  if (reason === '') throw usageError('a waiver needs a reason', { hint: '--reason "no delivery on that day"' });
  const manifests = new RunManifests(deps.catalog.store);
  const runs = await manifests.read(source, date);
  const state = skipStateOf(runs);
  if (state.state === 'succeeded') {
    throw usageError(`${date} of ${source} has succeeded and needs no waiver`, {
      place: `run ${state.manifest.run_id}`,
    });
  }
  const before = runs.manifests.findLast(isWaiver);
  if (before !== undefined) return { manifest: before, already: true };
  const now = eventTime(deps.clock.now());
  const manifest: RunManifest = {
    source,
    source_type: runs.manifests.at(-1)?.source_type ?? 'file',
    environment: request.environment ?? null,
    run_id: runId,
    ingest_date: date,
    status: 'skipped',
    started_at: now,
    ended_at: now,
    errors: [],
    outputs: {},
    seq: (await deps.catalog.findSnapshot(EVENT_TABLE))?.version ?? 0,
    actor,
    tool_version: packageVersion(),
    skip_check: { state: state.state, run_id: null },
    waived: { reason, actor },
    rerun: false,
    notes: reason,
  };
  if (dryRun) return { manifest, already: false };
  await recordManifests({ ...deps, key: ledgerKeyOf(deps.catalog) }, canonicalRows(manifest), { runId, actor });
  await manifests.write(manifest);
  return { manifest, already: false };
}

/** The rows by which the ledger knows of a run. */
function canonicalRows(manifest: RunManifest): readonly CanonicalManifest[] {
  const text = JSON.stringify(manifest);
  return parseManifest(JSON.parse(text), text).map((part) => {
    if ('manifest' in part) return part.manifest;
    throw new Error(`a run manifest is none: ${part.problem.field}: ${part.problem.message}`, { cause: part.problem });
  });
}

/** The key that a lake is opened with. */
function ledgerKeyOf(catalog: LakeCatalog): LedgerKey {
  return (catalog.definition(MANIFEST_TABLE).configuration?.[KEY_PROPERTY] ?? 'file_sha') as LedgerKey;
}
