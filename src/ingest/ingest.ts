import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { utcDay } from '../base/clock.js';
import type { ResolvedSource } from './config/source-config.js';
import type { IngestDeps, SourceRun, Step } from './context.js';
import { Journal } from './events/journal.js';
import type { Transform } from './load/batch-rows.js';
import { acquireLease } from './load/lease.js';
import { SourceIngest } from './load/source-ingest.js';
import { BronzeTarget } from './load/target.js';
import type { FileEvent } from './model.js';
import { isLoad, plannedFile, planSource } from './plan/plan.js';
import type { FileResult, IngestRequest, IngestResult, PlannedFile, PlanResult } from './result.js';

/** What a run may be given beside its request. */
export interface IngestHooks {
  /** In place of the transform of a source's configuration, by source. */
  readonly transforms?: Readonly<Record<string, Transform>>;
  readonly onStep?: (step: Step) => void | Promise<void>;
  /** Requests that a dry run takes for written. */
  readonly asked?: readonly FileEvent[];
}

interface Tally {
  readonly files: FileResult[];
  readonly warnings: string[];
}

async function ingestSource(
  deps: IngestDeps,
  source: ResolvedSource,
  at: { readonly request: IngestRequest; readonly hooks: IngestHooks; readonly runId: string; readonly tally: Tally },
): Promise<void> {
  const { request, hooks, runId, tally } = at;
  const { clock, catalog, session, key } = deps;
  const actor = request.actor ?? 'unknown';
  const target = new BronzeTarget({ catalog, name: source.target });
  const ledger = await deps.openLedger();
  const ingestDate = utcDay(clock.now());
  const lease = await acquireLease({
    store: catalog.store,
    name: source.target,
    holder: { runId, pid: process.pid, host: hostname(), actor },
    clock,
    ...(request.takeOver === undefined ? {} : { takeOver: request.takeOver }),
  });
  const run: SourceRun = {
    deps,
    request,
    source: request.keepRaw === true ? { ...source, keepRaw: true } : source,
    transform: hooks.transforms?.[source.name] ?? source.transform,
    target,
    journal: new Journal({ session, ledger, key, clock, runId, actor, ingestDate }),
    runId,
    actor,
    ingestDate,
    onStep: hooks.onStep ?? (() => undefined),
    onResult: (result) => {
      tally.files.push(result);
      request.onFile?.(result);
    },
    warn: (warning) => {
      if (!tally.warnings.includes(warning)) tally.warnings.push(warning);
    },
  };
  const work = new SourceIngest(run);
  try {
    await work.ingest();
  } catch (error) {
    // What went wrong first is what counts; an interrupted run writes nothing any more.
    if (request.signal?.aborted !== true) await work.fail(error).catch(() => undefined);
    throw error;
  } finally {
    await lease.release();
  }
}

function lastByFile(files: readonly FileResult[]): FileResult[] {
  const last = new Map<string, FileResult>();
  for (const file of files) last.set(`${file.source}\n${file.path}`, file);
  return [...last.values()];
}

function summary(
  tally: Tally,
  at: { readonly runId: string; readonly durationMs: number; readonly dryRun: boolean },
): IngestResult {
  const files = lastByFile(tally.files);
  const count = (holds: (file: FileResult) => boolean) => files.filter(holds).length;
  const sum = (of: (file: FileResult) => number) => files.reduce((total, file) => total + of(file), 0);
  const failed = count(({ error }) => error !== null);
  const processed = count(({ version }) => version !== null);
  return {
    run_id: at.runId,
    status: failed > 0 ? 'failed' : processed > 0 ? 'success' : 'skipped',
    processed,
    skipped: files.length - failed - processed,
    failed,
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes, version }) => (version === null ? 0 : bytes)),
    duration_ms: at.durationMs,
    rejected: sum(({ rejected }) => rejected),
    dry_run: at.dryRun,
    files,
    warnings: tally.warnings,
  };
}

/**
 * Ingests the files of sources, each file's rows exactly once (design page, "Exactly once"). What is wrong with a file is in its result; a source
 * that cannot be worked on at all does not stop the others, and its error is thrown at the end.
 *
 * Throws `LOCKED` (exit 5), `STATE_LOST`, `STORAGE`, `DELTA_*` (exit 3), usage errors (exit 2).
 */
export async function ingest(deps: IngestDeps, request: IngestRequest, hooks: IngestHooks = {}): Promise<IngestResult> {
  const started = deps.clock.now();
  const runId = request.runId ?? randomUUID();
  if (request.dryRun === true) return dryRun(deps, request, { runId, started, asked: hooks.asked ?? [] });
  const tally: Tally = { files: [], warnings: [] };
  const errors: unknown[] = [];
  for (const source of request.sources) {
    try {
      await ingestSource(deps, source, { request, hooks, runId, tally });
    } catch (error) {
      request.signal?.throwIfAborted();
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return summary(tally, { runId, durationMs: deps.clock.now() - started, dryRun: false });
}

function plannedResult(plan: PlannedFile, error: string | null): FileResult {
  return {
    source: plan.source,
    target: plan.target,
    path: plan.path,
    file_sha: plan.file_sha,
    decision: plan.decision,
    rule: plan.rule,
    reason: plan.reason,
    status: null,
    rows: 0,
    error,
    error_code: null,
    hint: null,
    rejected: 0,
    rescued: 0,
    attempt: 1,
    next_retry_at: null,
    version: null,
    diff: null,
    notes: [],
    bytes: plan.size,
    duration_ms: 0,
  };
}

/** The plan in the shape of a result: `processed` counts the files that would be loaded. */
async function dryRun(
  deps: IngestDeps,
  request: IngestRequest,
  at: { readonly runId: string; readonly started: number; readonly asked: readonly FileEvent[] },
): Promise<IngestResult> {
  const { files, warnings } = await planIngest(deps, request, at.asked);
  const results = files.map((plan) =>
    plannedResult(plan, plan.file_sha === null && plan.rule !== 'not_arrived' ? plan.reason : null),
  );
  const loads = files.filter(({ decision }) => isLoad({ action: decision }));
  const durationMs = deps.clock.now() - at.started;
  return {
    ...summary({ files: results, warnings: [...warnings] }, { runId: at.runId, durationMs, dryRun: true }),
    processed: loads.length,
    skipped: files.length - loads.length,
    bytes: loads.reduce((sum, { size }) => sum + size, 0),
  };
}

/** What `ingest` would do with each file, and why. Writes nothing. */
export async function planIngest(
  deps: Omit<IngestDeps, 'openLedger' | 'scratch'>,
  request: IngestRequest,
  asked: readonly FileEvent[] = [],
): Promise<PlanResult> {
  const files: PlanResult['files'][number][] = [];
  const warnings: string[] = [];
  for (const source of request.sources) {
    const target = new BronzeTarget({ catalog: deps.catalog, name: source.target });
    const { plans } = await planSource(deps, target, { source, runId: '', now: deps.clock.now(), request, asked });
    for (const plan of plans) {
      if (plan.problem !== undefined) warnings.push(plan.problem.message);
      files.push(plannedFile(source, plan));
    }
  }
  return { files, warnings };
}
