import type { Clock } from '../base/clock.js';
import { LakeError } from '../base/lake-error.js';
import type { OnProgress } from '../base/progress.js';
import type { Session } from '../duckdb/session.js';
import type { ManifestItem, Rejection } from '../manifest/index.js';
import type { LakeCatalog } from './catalog.js';
import type { BatchContext, BatchCounts, Ledger } from './ledger.js';
import { quarantine } from './quarantine.js';
import { Staging } from './staging.js';
import { type LedgerKey, MANIFEST_TABLE } from './tables.js';

/** Manifests per batch, and so per pair of commits, unless told otherwise. */
const DEFAULT_BATCH = 30_000;
/** Rejections that a result carries in full; all of them are in the quarantine table. */
const REPORTED_REJECTIONS = 10_000;
/** Rejections kept in memory before they are written; their texts may be long. */
const REJECTIONS_PER_WRITE = 1000;

export interface RecordRequest {
  readonly items: AsyncIterable<readonly ManifestItem[]>;
  readonly context: BatchContext;
  /** Any rejection fails the run before anything is written; all manifests are one batch then. */
  readonly strict?: boolean;
  /** Decide everything, write nothing; all manifests are one batch then. */
  readonly dryRun?: boolean;
  readonly batchSize?: number;
}

export interface RecordDeps {
  readonly session: Session;
  readonly catalog: LakeCatalog;
  readonly key: LedgerKey;
  readonly clock: Clock;
  /** Opens the ledger, creating its tables unless `dryRun`; called before the first write, not earlier. */
  readonly ledger: () => Promise<Ledger>;
  readonly onProgress?: OnProgress;
}

/** What one `record` did; the keys are those of the command line contract. */
export interface RecordResult {
  readonly run_id: string;
  readonly table: string;
  readonly version: number;
  /** Manifests read, good and bad. */
  readonly received: number;
  readonly staged: number;
  readonly rejected: number;
  /** Canonical rows, summed over batches. */
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  /** New events. */
  readonly events: number;
  /** Batches that had something to commit. */
  readonly batches: number;
  readonly duration_ms: number;
  readonly rejections: readonly Pick<Rejection, 'file' | 'line' | 'field' | 'reason'>[];
  readonly dry_run?: true;
}

interface Totals {
  staged: number;
  rejected: number;
  inserted: number;
  updated: number;
  unchanged: number;
  events: number;
  batches: number;
}

/** One run of `record`: reads manifests, stages them a batch at a time, and has the ledger record each batch. */
class RecordRun {
  readonly #deps: RecordDeps;
  readonly #request: RecordRequest;
  readonly #staging: Staging;
  readonly #totals: Totals = { staged: 0, rejected: 0, inserted: 0, updated: 0, unchanged: 0, events: 0, batches: 0 };
  readonly #reported: Rejection[] = [];
  #unwritten: Rejection[] = [];
  #ledger: Ledger | undefined;
  #recorded = false;

  constructor(deps: RecordDeps, request: RecordRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#staging = new Staging(deps.session, deps.key);
  }

  async run(): Promise<void> {
    const { strict = false, dryRun = false, batchSize = DEFAULT_BATCH } = this.#request;
    const wholeInput = strict || dryRun;
    await this.#staging.begin();
    for await (const items of this.#request.items) {
      for (const item of items) {
        if ('manifest' in item) await this.#staging.add(item.manifest);
        else await this.#reject(item.rejection, wholeInput);
        if (!wholeInput && this.#staging.size >= batchSize) await this.#recordBatch();
      }
      this.#progress('read');
    }
    if (strict && this.#totals.rejected > 0) this.#failStrict();
    await this.#recordBatch();
    if (dryRun) return;
    await this.#writeRejections();
    await this.#finishOthers();
  }

  result(at: { readonly started: number; readonly version: number }): RecordResult {
    const { staged, rejected, ...counts } = this.#totals;
    return {
      run_id: this.#request.context.runId,
      table: MANIFEST_TABLE,
      version: at.version,
      received: staged + rejected,
      staged,
      rejected,
      ...counts,
      duration_ms: this.#deps.clock.now() - at.started,
      rejections: this.#reported.map(({ file, line, field, reason }) => ({ file, line, field, reason })),
      ...(this.#request.dryRun === true ? { dry_run: true } : {}),
    };
  }

  async #recordBatch(): Promise<void> {
    const size = this.#staging.size;
    if (size === 0) return;
    await this.#staging.flush();
    const ledger = await this.#openLedger();
    this.#recorded = true;
    this.#progress('merge');
    const { context, dryRun } = this.#request;
    this.#count(size, dryRun === true ? await ledger.preview(context) : await ledger.recordBatch(context));
    await this.#staging.begin();
    this.#progress('merge');
  }

  async #openLedger(): Promise<Ledger> {
    this.#ledger ??= await this.#deps.ledger();
    return this.#ledger;
  }

  /** A run without a batch still folds the events that a killed run left behind. */
  async #finishOthers(): Promise<void> {
    if (this.#recorded || (await this.#deps.catalog.findSnapshot(MANIFEST_TABLE)) === undefined) return;
    await (await this.#openLedger()).catchUp();
  }

  #count(size: number, counts: BatchCounts): void {
    this.#totals.staged += size;
    this.#totals.events += counts.events;
    this.#totals.inserted += counts.inserted;
    this.#totals.updated += counts.updated;
    this.#totals.unchanged += counts.unchanged;
    if (counts.events > 0) this.#totals.batches += 1;
  }

  async #reject(rejection: Rejection, wholeInput: boolean): Promise<void> {
    this.#totals.rejected += 1;
    if (this.#reported.length < REPORTED_REJECTIONS) this.#reported.push({ ...rejection, text: '' });
    if (wholeInput && this.#request.dryRun === true) return;
    this.#unwritten.push(rejection);
    if (!wholeInput && this.#unwritten.length >= REJECTIONS_PER_WRITE) await this.#writeRejections();
  }

  async #writeRejections(): Promise<void> {
    if (this.#unwritten.length === 0) return;
    await this.#openLedger();
    const { session, catalog, clock } = this.#deps;
    await quarantine({ session, catalog }, this.#unwritten, { runId: this.#request.context.runId, now: clock.now() });
    this.#unwritten = [];
  }

  #failStrict(): never {
    const [first] = this.#reported;
    const place = first === undefined ? undefined : [first.file, first.line].filter((part) => part !== null).join(':');
    const field = first?.field == null ? '' : `${first.field}: `;
    throw new LakeError(
      'REJECTED',
      `${this.#totals.rejected} manifests are not valid and --strict is on; the first: ${field}${first?.reason ?? ''}`,
      {
        ...(place === undefined ? {} : { place }),
        hint: 'nothing was written; "validate" lists them all, and without --strict the good ones are recorded',
        exitCode: 1,
      },
    );
  }

  #progress(phase: 'read' | 'merge'): void {
    this.#deps.onProgress?.({ phase, done: this.#totals.staged + this.#staging.size, unit: 'manifests' });
  }
}

/**
 * Records manifests in the ledger. Idempotent: manifests that were recorded before change nothing and make no commit.
 * Throws `REJECTED` (exit 1) under `strict`, `DELTA_LOG`, `DELTA_UNSUPPORTED`, `STORAGE`.
 */
export async function record(deps: RecordDeps, request: RecordRequest): Promise<RecordResult> {
  const started = deps.clock.now();
  const run = new RecordRun(deps, request);
  await run.run();
  const snapshot = await deps.catalog.findSnapshot(MANIFEST_TABLE);
  return run.result({ started, version: snapshot?.version ?? -1 });
}
