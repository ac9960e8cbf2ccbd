import { hostname } from 'node:os';
import { utcDay } from '../../base/clock.js';
import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import type { SkipState } from '../../ledger/runs/run-manifests.js';
import type { ResolvedSource } from '../config/source-config.js';
import type { IngestDeps, SourceRun, Step } from '../context.js';
import { dateIn } from '../dates/date-words.js';
import { Journal } from '../events/journal.js';
import { readFileEvents } from '../events/read-events.js';
import { RunLog } from '../events/run-log.js';
import type { Transform } from '../load/batch-rows.js';
import { acquireLease } from '../load/lease.js';
import { recover } from '../load/recover.js';
import { SourceIngest } from '../load/source-ingest.js';
import { BronzeTarget } from '../load/target.js';
import { openFiles } from '../plan/file-access.js';
import type { FileResult, IngestRequest, SourceResult } from '../result.js';
import { TableIngest } from '../table/table-ingest.js';
import { findWatermark } from '../table/watermark.js';
import { writeWatermark } from '../table/watermark-table.js';
import { ManifestWriter } from './manifest-writer.js';
import { asksForDate, skipReason } from './plan-date.js';
import { type DateOutcome, failedOutcome, fileOutcomes, tableOutcome } from './run-outcome.js';

/** One source of a run, and where its results go. */
export interface SourceTask {
  readonly source: ResolvedSource;
  readonly request: IngestRequest;
  readonly runId: string;
  readonly transform: Transform | undefined;
  readonly onStep: ((step: Step) => void | Promise<void>) | undefined;
  readonly onResult: (result: FileResult) => void;
  readonly warn: (warning: string) => void;
}

/** The business date of a run: the one that was asked for, else today. */
export function runDateOf({ date, timeZone = 'UTC' }: IngestRequest, now: number): string {
  return date ?? dateIn(timeZone, now);
}

async function sourceRun(deps: IngestDeps, task: SourceTask): Promise<SourceRun> {
  const { source, request, runId, transform, onStep, onResult, warn } = task;
  const { session, key, clock, catalog } = deps;
  const actor = request.actor ?? 'unknown';
  const now = clock.now();
  const runDate = runDateOf(request, now);
  // The rows of a table are of the date that they are read for; those of files of the day that brings them.
  const ingestDate = source.table === undefined ? utcDay(now) : runDate;
  return {
    deps,
    request,
    source: request.keepRaw === true ? { ...source, keepRaw: true } : source,
    transform: transform ?? source.transform,
    target: new BronzeTarget({ catalog, name: source.target }),
    journal: new Journal({ session, ledger: await deps.openLedger(), key, clock, runId, actor, ingestDate }),
    runId,
    actor,
    ingestDate,
    runDate,
    onStep: onStep ?? (() => undefined),
    onResult,
    warn,
  };
}

/** What became of a source, and why it could not be worked on. */
export interface SourceEnd {
  readonly result: SourceResult;
  readonly error?: LakeError;
}

/** What a run over one source did; `error` when it could not be done. */
interface Done {
  readonly outcomes: readonly DateOutcome[];
  readonly check: SkipState | undefined;
  readonly reason: string | null;
  readonly error?: unknown;
}

/** One run over one source, from its lease to its manifests. */
class SourceRunner {
  readonly #run: SourceRun;
  readonly #log: RunLog;
  readonly #manifests: ManifestWriter;
  readonly #results: FileResult[] = [];

  constructor(run: SourceRun) {
    this.#run = {
      ...run,
      onResult: (result) => {
        this.#results.push(result);
        run.onResult(result);
      },
    };
    this.#log = new RunLog(this.#run);
    this.#manifests = new ManifestWriter(this.#run);
  }

  async run(): Promise<SourceEnd> {
    const { deps } = this.#run;
    const started = deps.clock.now();
    const done = await this.#work();
    const { error } = done;
    if (this.#run.request.signal?.aborted === true) throw error ?? this.#run.request.signal.reason;
    const manifests = await this.#manifests.write(done.outcomes, done.check);
    await this.#run.onStep('manifest_written');
    if (error !== undefined && !(error instanceof LakeError)) throw error;
    const result = this.#result(done, { manifests, durationMs: deps.clock.now() - started, error });
    return { result, ...(error === undefined ? {} : { error }) };
  }

  async #work(): Promise<Done> {
    let check: SkipState | undefined;
    try {
      const isTable = this.#run.source.table !== undefined;
      const told = isTable ? await this.#repair() : 0;
      check = await this.#skipCheck();
      const reason = skipReason(this.#run.runDate, check);
      if (reason !== null) {
        await this.#log.closeDead();
        await this.#log.skipped(reason);
        return { outcomes: [], check, reason };
      }
      const outcomes = isTable ? [await this.#table(told)] : await this.#files();
      const { date } = this.#run.request;
      const nothing = date !== undefined && this.#results.length === 0 ? 'there is nothing of that date' : null;
      return { outcomes, check, reason: nothing };
    } catch (error) {
      const { runDate } = this.#run;
      const known = error instanceof LakeError ? error : new LakeError('INTERNAL', messageOf(error), { cause: error });
      return { outcomes: [failedOutcome(runDate, known)], check, reason: null, error };
    }
  }

  /** Tells the ends of dead runs, that their dates are done, and up to where they have read. Returns the last batch that is told. */
  async #repair(): Promise<number> {
    const { deps, source } = this.#run;
    const told = await recover(this.#run);
    const { events } = await readFileEvents(deps, { source: source.name, target: source.target });
    const last = events.findLast(({ status }) => status === 'INGESTED');
    if (last !== undefined) await this.#manifests.repair(last);
    const watermark = findWatermark(events);
    if (watermark !== undefined) await writeWatermark(deps, watermark);
    return told;
  }

  /** Looked up before anything is connected to; undefined when the source is run whatever its date. */
  async #skipCheck(): Promise<SkipState | undefined> {
    const { source, request, runDate } = this.#run;
    if (!asksForDate(source, request)) return undefined;
    const check = await this.#manifests.skipCheck();
    if (check.state === 'unreadable') {
      this.#run.warn(`${source.name}: ${check.places.join(', ')} cannot be read: ${runDate} is run again`);
    }
    return check;
  }

  async #files(): Promise<readonly DateOutcome[]> {
    const { source, request, deps } = this.#run;
    const files = openFiles(source, {
      clock: deps.clock,
      scratch: deps.scratch,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    const work = new SourceIngest(this.#run, { log: this.#log, files });
    try {
      await work.ingest();
    } catch (error) {
      // What went wrong first is what counts; an interrupted run writes nothing any more.
      if (request.signal?.aborted !== true) await work.fail(error).catch(() => undefined);
      throw error;
    } finally {
      await files.close();
    }
    return fileOutcomes(source, this.#run.runDate, this.#lastResults());
  }

  /** How each file ended; one that was tried again has several results. */
  #lastResults(): FileResult[] {
    return [...new Map(this.#results.map((result) => [result.path, result])).values()];
  }

  async #table(told: number): Promise<DateOutcome> {
    const { runDate, request } = this.#run;
    await this.#log.closeDead();
    await this.#log.begin();
    try {
      const result = await new TableIngest(this.#run).ingest(told);
      this.#run.onResult(result);
      const failed = result.error !== null;
      await this.#log.end({
        status: failed ? 'failed' : 'success',
        processed: result.version === null ? 0 : 1,
        skipped: result.version === null && !failed ? 1 : 0,
        failed: failed ? 1 : 0,
        rows: result.rows,
        bytes: result.bytes,
        checksum: result.checksum,
        error: result.error,
      });
      await this.#run.onStep('run_recorded');
      return tableOutcome(runDate, result);
    } catch (error) {
      const figures = { processed: 0, skipped: 0, failed: 1, rows: 0, bytes: 0, checksum: null };
      if (request.signal?.aborted !== true) {
        await this.#log.end({ status: 'failed', ...figures, error: messageOf(error) }).catch(() => undefined);
      }
      throw error;
    }
  }

  #result(
    { outcomes, reason }: Done,
    at: { readonly manifests: readonly string[]; readonly durationMs: number; readonly error: unknown },
  ): SourceResult {
    const { source, runDate } = this.#run;
    const results = this.#lastResults();
    const failed = at.error !== undefined || results.some(({ error }) => error !== null);
    const loaded =
      results.some(({ version }) => version !== null) ||
      outcomes.some(({ status, touched }) => touched && status === 'success');
    return {
      source: source.name,
      target: source.target,
      type: source.type,
      date: runDate,
      status: failed ? 'failed' : loaded ? 'success' : 'skipped',
      reason,
      rows: results.reduce((sum, { rows }) => sum + rows, 0),
      ...errorFacts(at.error),
      manifests: at.manifests,
      duration_ms: at.durationMs,
    };
  }
}

function errorFacts(error: unknown): Pick<SourceResult, 'error' | 'error_code' | 'hint' | 'exit_code'> {
  if (!(error instanceof LakeError)) return { error: null, error_code: null, hint: null, exit_code: EXIT.ok };
  return { error: error.message, error_code: error.code, hint: error.hint ?? null, exit_code: error.exitCode };
}

/** The result of a source that could not even be begun with: another run holds it. */
function notBegun(task: SourceTask, error: LakeError, now: number): SourceResult {
  const { source, request } = task;
  return {
    source: source.name,
    target: source.target,
    type: source.type,
    date: runDateOf(request, now),
    status: 'failed',
    reason: null,
    rows: 0,
    ...errorFacts(error),
    manifests: [],
    duration_ms: 0,
  };
}

/**
 * Runs one source: takes its lease, tells the ends of dead runs, asks whether the date has succeeded, works, and writes what it came to into
 * `metadata.ingestion_run` and run manifests. An error that a user can understand is in the result; rejects with all others.
 */
export async function runSource(deps: IngestDeps, task: SourceTask): Promise<SourceEnd> {
  const { source, request } = task;
  const { catalog, clock } = deps;
  try {
    const run = await sourceRun(deps, task);
    const lease = await acquireLease({
      store: catalog.store,
      name: source.target,
      holder: { runId: run.runId, pid: process.pid, host: hostname(), actor: run.actor },
      clock,
      ...(request.takeOver === undefined ? {} : { takeOver: request.takeOver }),
    });
    try {
      return await new SourceRunner(run).run();
    } finally {
      await lease.release();
    }
  } catch (error) {
    if (!(error instanceof LakeError) || request.signal?.aborted === true) throw error;
    return { result: notBegun(task, error, clock.now()), error };
  }
}
