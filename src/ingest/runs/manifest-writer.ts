import { LakeError } from '../../base/lake-error.js';
import { packageVersion } from '../../base/package-root.js';
import { EVENT_TABLE } from '../../ledger/index.js';
import type { RunManifest } from '../../ledger/runs/run-manifest.js';
import { RunManifests, type SkipState } from '../../ledger/runs/run-manifests.js';
import type { SourceRun } from '../context.js';
import type { FileEvent } from '../model.js';
import type { DateOutcome } from './run-outcome.js';

/** Uses of one run id that have manifests of their own. */
const MOST_USES = 1000;

/** Writes the run manifests of one source in one run. */
export class ManifestWriter {
  readonly #run: SourceRun;
  readonly #manifests: RunManifests;
  readonly #startedAt: string;

  constructor(run: SourceRun) {
    this.#run = run;
    this.#manifests = new RunManifests(run.deps.catalog.store);
    this.#startedAt = new Date(run.deps.clock.now()).toISOString();
  }

  /** Whether the date of the run has succeeded. */
  skipCheck(): Promise<SkipState> {
    return this.#manifests.skipCheck(this.#run.source.name, this.#run.runDate);
  }

  /** Writes what a run came to. Dates without news get a manifest only when they have succeeded and nothing says so yet. Returns the paths. */
  async write(outcomes: readonly DateOutcome[], check: SkipState | undefined): Promise<string[]> {
    const paths: string[] = [];
    const seq = await this.#seq();
    for (const outcome of outcomes) {
      if (outcome.touched || (await this.#isNews(outcome))) {
        paths.push(await this.#writeOne(this.#manifest(outcome, { seq, check })));
      }
    }
    if (paths.length > 0) return paths;
    const { runDate } = this.#run;
    const nothing: DateOutcome = { date: runDate, status: 'skipped', errors: [], outputs: {}, touched: false };
    return [await this.#writeOne(this.#manifest(nothing, { seq, check }))];
  }

  /** Writes the manifest of an earlier run that died after it had loaded everything, before it could say so. */
  async repair(event: FileEvent): Promise<void> {
    const { source } = this.#run;
    const { runId, businessDate: date, path, target, rows, size, sha, seq, at } = event;
    if (date === null || (await this.#manifests.has(source.name, date, runId))) return;
    const { checksum } = (event.detail['extract'] ?? {}) as { checksum?: unknown };
    const read = typeof checksum === 'string' ? { fingerprint: checksum } : {};
    const outputs = { [path]: { target, rows, bytes: size, file_sha: sha, ...read } };
    const done: DateOutcome = { date, status: 'success', errors: [], outputs, touched: true };
    await this.#writeOne({
      ...this.#manifest(done, { seq, check: undefined }),
      run_id: runId,
      ended_at: at,
      started_at: at,
    });
  }

  async #isNews({ date, status }: DateOutcome): Promise<boolean> {
    if (status !== 'success') return false;
    return (await this.#manifests.skipCheck(this.#run.source.name, date)).state !== 'succeeded';
  }

  #manifest(
    { date, status, errors, outputs }: DateOutcome,
    { seq, check }: { readonly seq: number; readonly check: SkipState | undefined },
  ): RunManifest {
    const { source, runId, actor, request, deps } = this.#run;
    return {
      source: source.name,
      source_type: source.type,
      environment: request.environment ?? null,
      run_id: runId,
      ingest_date: date,
      status,
      started_at: this.#startedAt,
      ended_at: new Date(deps.clock.now()).toISOString(),
      errors,
      outputs,
      seq,
      actor,
      tool_version: packageVersion(),
      skip_check:
        check === undefined
          ? null
          : { state: check.state, run_id: check.state === 'succeeded' ? check.manifest.run_id : null },
      waived: null,
      rerun: request.rerun ?? false,
    };
  }

  /** A scheduler that tries again may give the same id again: its further uses are told apart. */
  async #writeOne(manifest: RunManifest): Promise<string> {
    for (let use = 1; use <= MOST_USES; use++) {
      try {
        return await this.#manifests.write(use === 1 ? manifest : { ...manifest, run_id: `${manifest.run_id}~${use}` });
      } catch (error) {
        if (!(error instanceof LakeError) || error.code !== 'RUN_MANIFEST' || use === MOST_USES) throw error;
      }
    }
    throw new Error('unreachable');
  }

  /** The version of the event log that the run has seen at its end (Decision 5). */
  async #seq(): Promise<number> {
    return (await this.#run.deps.catalog.findSnapshot(EVENT_TABLE))?.version ?? 0;
  }
}
