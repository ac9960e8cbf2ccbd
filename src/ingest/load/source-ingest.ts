import { sleep } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import type { BatchRequest, SourceRun } from '../context.js';
import type { RunLog } from '../events/run-log.js';
import type { FileAccess } from '../plan/file-access.js';
import { type FilePlan, isLoad, planSource } from '../plan/plan.js';
import { planBatches } from '../plan/plan-batches.js';
import type { View } from '../plan/view.js';
import type { FileResult } from '../result.js';
import { loadBatch } from './batch.js';
import { eventOf, type FileOutcome, fileResult, outcomeEvent } from './batch-events.js';
import { LoadProgress } from './load-progress.js';
import { writeRawManifests } from './raw-manifests.js';
import { heirEvent, recover } from './recover.js';

/** A file whose next try is due sooner is waited for. */
const WORTH_WAITING_MS = 30_000;
/** Races that one source may lose in a row. */
const MAX_REPLANS = 50;

/** One run over one source. */
export class SourceIngest {
  readonly #run: SourceRun;
  readonly #log: RunLog;
  readonly #files: FileAccess;
  readonly #results: FileResult[] = [];
  /** Paths that this run is done with. */
  readonly #done = new Set<string>();
  readonly #failed = new Set<string>();
  #loads = 0;

  constructor(run: SourceRun, { log, files }: { readonly log: RunLog; readonly files: FileAccess }) {
    this.#run = run;
    this.#log = log;
    this.#files = files;
  }

  async ingest(): Promise<void> {
    await this.#log.closeDead();
    for (let replans = 0; ; ) {
      const { lost, due } = await this.#pass(await recover(this.#run));
      if (lost && ++replans > MAX_REPLANS) {
        throw new LakeError(
          'INGEST_BUSY',
          `${this.#run.source.target} was committed to by others ${MAX_REPLANS} times`,
          {
            retryable: true,
          },
        );
      }
      if (!lost && due === undefined) break;
      if (due !== undefined && !lost) await sleep(due);
    }
    await this.#end(null);
  }

  async fail(error: unknown): Promise<void> {
    await this.#end(error instanceof Error ? error.message : String(error));
  }

  async #end(error: string | null): Promise<void> {
    const sum = (of: (result: FileResult) => number) => this.#results.reduce((total, one) => total + of(one), 0);
    const failed = sum(({ error: text }) => (text === null ? 0 : 1));
    await this.#log.end({
      status: error !== null || failed > 0 ? 'failed' : 'success',
      processed: sum(({ version }) => (version === null ? 0 : 1)),
      skipped: sum(({ version, error: text }) => (version === null && text === null ? 1 : 0)),
      failed,
      rows: sum(({ rows }) => rows),
      bytes: sum(({ bytes, version }) => (version === null ? 0 : bytes)),
      checksum: null,
      error,
    });
    await this.#run.onStep('run_recorded');
  }

  /** Plans what is left and loads it. `due` is set when a failed file is worth waiting for, in milliseconds. */
  async #pass(told: number): Promise<{ readonly lost: boolean; readonly due?: number }> {
    const { deps, source, target, runId, request } = this.#run;
    const { plans, view } = await planSource(deps, target, {
      source,
      told,
      runId,
      files: this.#files,
      now: deps.clock.now(),
      request: { ...request, only: (file) => !this.#done.has(file.path) && (request.only?.(file) ?? true) },
      onRead: (done, total) => deps.onProgress?.({ phase: 'read', done, total, unit: 'files' }),
    });
    await this.#run.onStep('planned');
    const left = plans.filter(({ file }) => !this.#done.has(file.path));
    const limit = request.maxFiles === undefined ? left.length : Math.max(0, request.maxFiles - this.#loads);
    const wanted = left.filter((plan) => isLoad(plan.decision));
    const loads = wanted.slice(0, limit);
    if (loads.length < wanted.length) {
      this.#run.warn(`${source.name}: ${wanted.length - loads.length} files are left for the next run (max files)`);
    }
    const progress = new LoadProgress(
      deps.onProgress,
      loads.map(({ file }) => file),
    );
    let batch = view.nextBatch;
    for (const files of planBatches(loads)) {
      const committed = await this.#load({ files, states: view.states, seq: view.seq, batch, progress });
      if (committed === 'lost') return { lost: true };
      batch = committed;
    }
    await this.#finishOthers(left, view);
    const due = this.#nextDue();
    return due === undefined ? { lost: false } : { lost: false, due };
  }

  /** Milliseconds until a file that failed in this run is tried again, if that is soon. */
  #nextDue(): number | undefined {
    const { clock } = this.#run.deps;
    const waits = this.#results.flatMap((result, i) => {
      const at = result.next_retry_at;
      if (at === null || result.error === null) return [];
      const wait = Math.max(0, Date.parse(at) - clock.now());
      return wait <= WORTH_WAITING_MS ? [{ wait, path: result.path, i }] : [];
    });
    const [first] = [...waits].sort((one, other) => one.wait - other.wait);
    if (first === undefined) return undefined;
    for (const { path } of waits) this.#done.delete(path);
    const again = new Set(waits.map(({ i }) => i));
    this.#results.splice(0, this.#results.length, ...this.#results.filter((_, i) => !again.has(i)));
    return Math.max(...waits.map(({ wait }) => wait)) + 1;
  }

  /** Loads one batch and says how its files ended; the number of the next batch, or that a race was lost. */
  async #load(request: BatchRequest): Promise<number | 'lost'> {
    await this.#log.begin();
    const result = await loadBatch(this.#run, request);
    if (result === 'split') {
      const half = Math.ceil(request.files.length / 2);
      const first = await this.#load({ ...request, files: request.files.slice(0, half) });
      return first === 'lost' ? first : this.#load({ ...request, files: request.files.slice(half), batch: first });
    }
    if (result.lost) return 'lost';
    const { journal, runId } = this.#run;
    const ends = result.outcomes.map((outcome) => outcomeEvent(this.#run, request, outcome));
    const heirs = result.relabelled.flatMap(({ sha, old_path, new_path }) => {
      const heir = request.states.aliases(sha).find(({ path }) => path === new_path);
      const rows = request.states.lastSuccess(old_path, sha)?.rows ?? null;
      const by = { path: old_path, runId, batch: request.batch };
      return heir === undefined ? [] : [heirEvent(heir, { by, seq: request.seq, rows })];
    });
    const written = await journal.write([...ends, ...heirs]);
    await this.#run.onStep('events_written');
    await writeRawManifests(this.#run, written);
    for (const [i, outcome] of result.outcomes.entries()) this.#report(outcome, ends[i]);
    this.#loads += request.files.length;
    const committed = result.outcomes.some(({ version }) => version !== undefined);
    return committed ? request.batch + 1 : request.batch;
  }

  #report(outcome: FileOutcome, event: Parameters<typeof fileResult>[2]): void {
    const { path } = outcome.plan.file;
    this.#done.add(path);
    if (outcome.error === undefined) this.#failed.delete(path);
    else this.#failed.add(path);
    const result = fileResult(this.#run, outcome, event);
    this.#results.push(result);
    this.#run.onResult(result);
  }

  /** Files that are not loaded: what is new about them is written down. */
  async #finishOthers(plans: readonly FilePlan[], view: View): Promise<void> {
    const others = plans.filter((plan) => !isLoad(plan.decision));
    const told = others.flatMap((plan) => {
      const event = this.#otherEvent(plan, view);
      return event === undefined ? [] : [{ plan, event }];
    });
    if (told.length > 0) {
      await this.#log.begin();
      await this.#run.journal.write(told.map(({ event }) => event));
    }
    const events = new Map(told.map(({ plan, event }) => [plan, event]));
    for (const plan of others) {
      const problem = plan.problem === undefined ? {} : { error: plan.problem };
      const outcome: FileOutcome = { plan, rows: 0, rejected: 0, rescued: 0, notes: [], durationMs: 0, ...problem };
      this.#report(outcome, events.get(plan));
    }
  }

  #otherEvent(plan: FilePlan, view: View) {
    const { action, rule, evidence } = plan.decision;
    if (action === 'hold') return eventOf(this.#run, { seq: view.seq, plan }, { status: 'QUARANTINED' });
    if (rule !== 'same_bytes_new_path') return undefined;
    // The bytes were to come with another file of this run, and did not.
    if (typeof evidence['path'] === 'string' && this.#failed.has(evidence['path'])) return undefined;
    return eventOf(this.#run, { seq: view.seq, plan }, { status: 'SKIPPED' });
  }
}
