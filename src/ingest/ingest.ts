import { randomUUID } from 'node:crypto';
import type { ResolvedSource } from './config/source-config.js';
import type { IngestDeps, Step } from './context.js';
import type { Transform } from './load/batch-rows.js';
import { BronzeTarget } from './load/target.js';
import type { FileEvent } from './model.js';
import { openFiles } from './plan/file-access.js';
import { isLoad, plannedFile, planSource } from './plan/plan.js';
import type { FileResult, IngestRequest, IngestResult, PlannedFile, PlanResult, SourceResult } from './result.js';
import { planSkip } from './runs/plan-date.js';
import { runDateOf, runSource } from './runs/run-source.js';
import { planTable } from './table/plan-table.js';

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
  readonly sources: SourceResult[];
  readonly warnings: string[];
}

/** Sources that are worked on at the same time unless told. */
const DEFAULT_JOBS = 4;

function statusOf({ sources }: Tally, processed: number): 'success' | 'skipped' {
  return processed > 0 || sources.some(({ status }) => status === 'success') ? 'success' : 'skipped';
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
    status:
      failed > 0 || tally.sources.some(({ status }) => status === 'failed') ? 'failed' : statusOf(tally, processed),
    processed,
    skipped: files.length - failed - processed,
    failed,
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes, version }) => (version === null ? 0 : bytes)),
    duration_ms: at.durationMs,
    rejected: sum(({ rejected }) => rejected),
    dry_run: at.dryRun,
    files,
    sources: tally.sources,
    warnings: tally.warnings,
  };
}

/** Sources of one target take turns: it has one lease. */
function byTarget(sources: readonly ResolvedSource[]): ResolvedSource[][] {
  const queues = new Map<string, ResolvedSource[]>();
  for (const source of sources) queues.set(source.target, [...(queues.get(source.target) ?? []), source]);
  return [...queues.values()];
}

interface Pool {
  readonly deps: IngestDeps;
  readonly request: IngestRequest;
  readonly runId: string;
  readonly hooks: IngestHooks;
  readonly tally: Tally;
}

/** Works on the queues, several at the same time, each further worker with an engine of its own. Returns the errors by source. */
async function runQueues(pool: Pool, queues: ResolvedSource[][]): Promise<ReadonlyMap<string, unknown>> {
  const { deps, request } = pool;
  const errors = new Map<string, unknown>();
  const left = [...queues];
  const work = async (own: IngestDeps) => {
    for (let queue = left.shift(); queue !== undefined; queue = left.shift()) {
      for (const source of queue) {
        request.signal?.throwIfAborted();
        const error = await runOne({ ...pool, deps: own }, source);
        if (error !== undefined) errors.set(source.name, error);
      }
    }
  };
  const { fork } = deps;
  const jobs = Math.min(request.jobs ?? DEFAULT_JOBS, queues.length);
  if (jobs < 2 || fork === undefined) {
    await work(deps);
    return errors;
  }
  const forked = async () => {
    const own = await fork();
    try {
      await work(own.deps);
    } finally {
      await own.close();
    }
  };
  const workers = [work(deps), ...Array.from({ length: jobs - 1 }, forked)];
  // All of them end before an error of one is told.
  for (const end of await Promise.allSettled(workers)) if (end.status === 'rejected') throw end.reason;
  return errors;
}

async function runOne({ deps, request, runId, hooks, tally }: Pool, source: ResolvedSource): Promise<unknown> {
  const { result, error } = await runSource(deps, {
    source,
    request,
    runId,
    transform: hooks.transforms?.[source.name],
    onStep: hooks.onStep,
    onResult: (file) => {
      tally.files.push(file);
      request.onFile?.(file);
    },
    warn: (warning) => {
      if (!tally.warnings.includes(warning)) tally.warnings.push(warning);
    },
  });
  tally.sources.push(result);
  return error;
}

/**
 * Ingests sources, each file and each row of a table exactly once (design page, "Exactly once"). Several are worked on at the same time;
 * what is wrong with one is in its result and does not stop the others. The error of a source that is alone is thrown.
 *
 * Throws `LOCKED` (exit 5), `STATE_LOST`, `STORAGE`, `DELTA_*`, `CONNECTION` (exit 3), usage errors (exit 2).
 */
export async function ingest(deps: IngestDeps, request: IngestRequest, hooks: IngestHooks = {}): Promise<IngestResult> {
  const started = deps.clock.now();
  const runId = request.runId ?? randomUUID();
  if (request.dryRun === true) return dryRun(deps, request, { runId, started, asked: hooks.asked ?? [] });
  const tally: Tally = { files: [], sources: [], warnings: [] };
  // What a run has read of a table never comes again as it was: there is nothing to retry.
  const retried = request.retryNow !== undefined;
  const sources = request.sources.filter(({ table }) => table === undefined || !retried);
  const errors = await runQueues({ deps, request, runId, hooks, tally }, byTarget(sources));
  if (request.sources.length === 1 && errors.size > 0) throw [...errors.values()][0];
  const place = new Map(request.sources.map(({ name }, i) => [name, i]));
  tally.sources.sort((a, b) => (place.get(a.source) ?? 0) - (place.get(b.source) ?? 0));
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
    business_date: plan.business_date,
    checksum: null,
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
  const tables = new Set(request.sources.flatMap(({ name, table }) => (table === undefined ? [] : [name])));
  const isUnreadable = (plan: PlannedFile) =>
    plan.file_sha === null && !/^(not_arrived|date_succeeded)$/.test(plan.rule) && !tables.has(plan.source);
  const results = files.map((plan) => plannedResult(plan, isUnreadable(plan) ? plan.reason : null));
  const loads = files.filter(({ decision }) => isLoad({ action: decision }));
  const durationMs = deps.clock.now() - at.started;
  return {
    ...summary({ files: results, sources: [], warnings: [...warnings] }, { runId: at.runId, durationMs, dryRun: true }),
    processed: loads.length,
    skipped: files.length - loads.length,
    bytes: loads.reduce((sum, { size }) => sum + size, 0),
  };
}

/** What `ingest` would do with each file and table, and why. Writes nothing; a database is not connected to. */
export async function planIngest(
  deps: Omit<IngestDeps, 'openLedger'>,
  request: IngestRequest,
  asked: readonly FileEvent[] = [],
): Promise<PlanResult> {
  const planned: PlannedFile[] = [];
  const warnings: string[] = [];
  for (const source of request.sources) {
    const { clock, scratch } = deps;
    const at = { source, request, runDate: runDateOf(request, clock.now()) };
    const known = (await planSkip(deps, at)) ?? (source.table === undefined ? undefined : await planTable(deps, at));
    if (known !== undefined) {
      planned.push(known);
      continue;
    }
    const { signal } = request;
    const files = openFiles(source, { clock, scratch, ...(signal === undefined ? {} : { signal }) });
    try {
      const target = new BronzeTarget({ catalog: deps.catalog, name: source.target });
      const { plans } = await planSource(deps, target, { source, runId: '', now: clock.now(), request, asked, files });
      for (const plan of plans) {
        if (plan.problem !== undefined) warnings.push(plan.problem.message);
        planned.push(plannedFile(source, plan));
      }
    } finally {
      await files.close();
    }
  }
  return { files: planned, warnings };
}
