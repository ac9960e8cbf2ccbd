import { hostname } from 'node:os';
import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import { RUN_TABLE } from '../../ledger/index.js';
import type { SourceRun } from '../context.js';

/** What a run came to for one source. */
export interface RunFigures {
  readonly status: 'running' | 'success' | 'failed' | 'skipped';
  readonly processed: number;
  readonly skipped: number;
  readonly failed: number;
  readonly rows: number;
  readonly bytes: number;
  /** What the rows of a table hold; null for files, which have one each. */
  readonly checksum: string | null;
  readonly error: string | null;
}

const NOTHING = { processed: 0, skipped: 0, failed: 0, rows: 0, bytes: 0, checksum: null, error: null };

/** The row of `metadata.ingestion_run` for one run and source. A run that finds nothing to do leaves none. */
export class RunLog {
  readonly #run: SourceRun;
  readonly #startedAt: string;
  #begun = false;

  constructor(run: SourceRun) {
    this.#run = run;
    this.#startedAt = new Date(run.deps.clock.now()).toISOString();
  }

  /** Closes runs of the source that never told their end; also a run that finds nothing to do tells that they have died. */
  async closeDead(): Promise<void> {
    const { deps, source, runId } = this.#run;
    const table = deps.catalog.table(RUN_TABLE);
    if ((await table.findSnapshot()) === undefined) return;
    await table.update({
      where: 'source_name = $source AND target = $target AND status = $running AND run_id <> $run_id',
      set: { status: "'failed'", error_message: "'the run ended without a word'" },
      params: { source: source.name, target: source.target, running: 'running', run_id: runId },
    });
  }

  /** Tells that the run has begun. */
  async begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await this.#run.deps.catalog.ensure(RUN_TABLE);
    await this.#write({ status: 'running', ...NOTHING }, null);
  }

  /** Tells that the run was not needed, and why. */
  async skipped(reason: string): Promise<void> {
    await this.#run.deps.catalog.ensure(RUN_TABLE);
    await this.#write({ status: 'skipped', ...NOTHING, error: reason }, this.#now());
  }

  /** Tells how it ended, if it had begun. */
  async end(figures: RunFigures): Promise<void> {
    if (this.#begun) await this.#write(figures, this.#now());
  }

  #now(): string {
    return new Date(this.#run.deps.clock.now()).toISOString();
  }

  async #write(figures: RunFigures, endedAt: string | null): Promise<void> {
    const { deps, source, runId, actor, request, ingestDate, runDate } = this.#run;
    const row = {
      run_id: runId,
      source_name: source.name,
      source_type: source.type,
      target: source.target,
      execution_date: source.type === 'file' ? (request.date ?? ingestDate) : runDate,
      status: figures.status,
      files_processed: figures.processed,
      files_skipped: figures.skipped,
      files_failed: figures.failed,
      row_count: figures.rows,
      bytes: figures.bytes,
      checksum: figures.checksum,
      error_message: figures.error,
      started_at: this.#startedAt,
      ended_at: endedAt,
      actor,
      host: hostname(),
      pid: process.pid,
    };
    const columns = Object.keys(row).map((name) => `"${name}": "VARCHAR"`);
    const relation = fillSql(readSqlFile('ingest', 'run_row'), { json: trustedFragment(`[{${columns.join(', ')}}]`) });
    await deps.session.run(relation, { rows: JSON.stringify([row]) });
    await deps.catalog.table(RUN_TABLE).mergeInto({
      source: trustedFragment(readSqlFile('ingest', 'run_row_typed')),
      on: 'target.run_id = source.run_id AND target.source_name = source.source_name AND target.target = source.target',
      whenMatched: [{ update: '*' }],
      whenNotMatched: [{ insert: '*' }],
    });
  }
}
