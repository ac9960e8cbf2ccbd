import { eventTime } from '../../base/clock.js';
import type { LakeError } from '../../base/lake-error.js';
import type { BatchRequest, SourceRun } from '../context.js';
import type { NewEvent } from '../events/journal.js';
import { type FileEvent, UNTRIED } from '../model.js';
import type { FilePlan } from '../plan/plan.js';
import type { FileResult, RowDiff } from '../result.js';

/** How one file of a batch ended. */
export interface FileOutcome {
  readonly plan: FilePlan;
  readonly error?: LakeError;
  readonly format?: string;
  readonly rows: number;
  readonly rejected: number;
  readonly rescued: number;
  readonly diff?: RowDiff;
  readonly notes: readonly string[];
  readonly schemaVersion?: number;
  readonly rawPath?: string;
  /** Its layout waits to be accepted. */
  readonly pendingSchema?: boolean;
  readonly durationMs: number;
  /** Version of the target that has the rows. */
  readonly version?: number;
}

type Facts = Pick<FileEvent, 'status'> & Partial<FileEvent>;

/** An event about a file of a plan. */
export function eventOf(run: SourceRun, at: { readonly seq: number; readonly plan: FilePlan }, facts: Facts): NewEvent {
  const { file, fingerprint, decision, attempt } = at.plan;
  const { detail, ...fields } = facts;
  return {
    source: run.source.name,
    target: run.source.target,
    path: file.path,
    sha: fingerprint?.sha256 ?? '',
    action: decision.action,
    rule: decision.rule,
    reason: decision.reason,
    seq: at.seq,
    runId: run.runId,
    ...UNTRIED,
    attempt,
    gitSha: fingerprint?.gitSha ?? null,
    size: fingerprint?.size ?? null,
    businessDate: file.businessDate,
    detail: { evidence: decision.evidence, location: file.origin ?? file.location, ...at.plan.detail, ...detail },
    ...fields,
  };
}

/** Written before anything is done: what the run is about to load. */
export function processingEvents(run: SourceRun, request: BatchRequest): NewEvent[] {
  return request.files.map((plan) =>
    eventOf(
      run,
      { seq: request.seq, plan },
      {
        status: 'PROCESSING',
        batch: request.batch,
        detail: { replaced: plan.replaced },
      },
    ),
  );
}

/** When a failed file is tried again by itself; null when it is not. Full jitter, doubled with each try. */
function nextRetry(run: SourceRun, { plan, error }: FileOutcome): string | null {
  const { maxAttempts, baseDelayMs, maxDelayMs } = run.source.retry;
  if (error?.retryable !== true || plan.attempt >= maxAttempts) return null;
  const { clock } = run.deps;
  const delay = clock.random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (plan.attempt - 1));
  return eventTime(clock.now() + delay);
}

function failure(run: SourceRun, outcome: FileOutcome): Facts {
  const { error, plan } = outcome;
  const at = nextRetry(run, outcome);
  const dead = error?.retryable === true && at === null;
  const drift = error?.code === 'SCHEMA_DRIFT';
  return {
    status: drift ? 'QUARANTINED' : at === null ? 'FAILED' : 'RETRYING',
    error: error?.message ?? null,
    errorCode: error?.code ?? null,
    nextRetryAt: at,
    ...(dead ? { rule: 'dead_letter', reason: `all ${plan.attempt} tries failed` } : {}),
  };
}

function success({ plan, rows }: FileOutcome): Facts {
  const again = plan.decision.rule === 'reprocess' || plan.decision.rule === 'returned';
  return { status: again ? 'REPROCESSED' : 'INGESTED', rows };
}

/** Written after the commit: how each file of the batch ended. */
export function outcomeEvent(run: SourceRun, request: BatchRequest, outcome: FileOutcome): NewEvent {
  const { plan, error, rejected, rescued, diff, notes, format, rawPath, schemaVersion } = outcome;
  const facts = error === undefined ? success(outcome) : failure(run, outcome);
  return eventOf(
    run,
    { seq: request.seq, plan },
    {
      ...facts,
      batch: error === undefined ? request.batch : null,
      schemaVersion: schemaVersion ?? null,
      detail: {
        replaced: plan.replaced,
        rejected,
        rescued,
        ...(format === undefined ? {} : { format }),
        ...(diff === undefined ? {} : { diff }),
        ...(notes.length === 0 ? {} : { notes }),
        ...(rawPath === undefined ? {} : { raw_path: rawPath }),
        ...(outcome.pendingSchema === true && error !== undefined ? { pending_schema: true } : {}),
        ...(error?.hint === undefined ? {} : { hint: error.hint }),
        ...(error?.place === undefined ? {} : { place: error.place }),
      },
    },
  );
}

function checksumOf({ detail }: FilePlan): string | null {
  const { checksum } = (detail?.['extract'] ?? {}) as { checksum?: unknown };
  return typeof checksum === 'string' ? checksum : null;
}

/** A result for the caller; `event` is what was written about the file, if anything. */
export function fileResult(run: SourceRun, outcome: FileOutcome, event: NewEvent | undefined): FileResult {
  const { plan, error } = outcome;
  const { file, fingerprint, decision, attempt } = plan;
  return {
    source: run.source.name,
    target: run.source.target,
    path: file.path,
    file_sha: fingerprint?.sha256 ?? null,
    decision: decision.action,
    rule: decision.rule,
    reason: decision.reason,
    status: event?.status ?? null,
    rows: error === undefined ? outcome.rows : 0,
    error: error?.message ?? null,
    error_code: error?.code ?? null,
    hint: error?.hint ?? null,
    rejected: outcome.rejected,
    rescued: outcome.rescued,
    attempt,
    next_retry_at: event?.nextRetryAt ?? null,
    version: outcome.version ?? null,
    diff: outcome.diff ?? null,
    notes: outcome.notes,
    bytes: fingerprint?.size ?? file.size,
    business_date: file.businessDate,
    checksum: checksumOf(plan),
    duration_ms: outcome.durationMs,
  };
}
