import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LakeError } from '../../base/lake-error.js';
import { type Extraction, extractTable } from '../../sources/index.js';
import type { ResolvedConnection } from '../config/connection-schema.js';
import type { TableSource } from '../config/source-config.js';
import type { SourceRun } from '../context.js';
import { readFileEvents, readKnownBatch } from '../events/read-events.js';
import { loadBatch } from '../load/batch.js';
import { eventOf, type FileOutcome, fileResult, outcomeEvent } from '../load/batch-events.js';
import { recover } from '../load/recover.js';
import type { Action, FileEvent, Rule } from '../model.js';
import type { FilePlan } from '../plan/plan.js';
import { FileStates } from '../plan/state.js';
import { assertStateKept } from '../plan/view.js';
import type { FileResult } from '../result.js';
import { allRows, type NewRowsRequest, newRows, ROW_COLUMNS, type TableRows, withTombstones } from './new-rows.js';
import {
  findWatermark,
  isRestored,
  isSameWatermark,
  type KnownWatermark,
  nextWatermark,
  type Watermark,
} from './watermark.js';
import { writeWatermark } from './watermark-table.js';

/** Races that one run may lose; each means that the table is read again. */
const MAX_LOST = 5;

/** What identifies a table within its source, in events and in `_source_path`. */
export function tablePath(
  connection: Pick<ResolvedConnection, 'name'>,
  { entity }: Pick<TableSource, 'entity'>,
): string {
  return `${connection.name}/${entity}`;
}

/** What a load of a table rests on. */
interface TableView {
  readonly states: FileStates;
  /** Where the run goes on from. */
  readonly before: KnownWatermark | undefined;
  readonly seq: number;
  readonly nextBatch: number;
}

/** What the events of a load say of what was read; `watermark` is what the next run begins with. */
interface LoadDetail extends Readonly<Record<string, unknown>> {
  readonly execution_date: string;
  readonly watermark?: Watermark;
  readonly extract: Readonly<Record<string, unknown>>;
}

/** What was read, and what is made of it. */
interface LoadFacts {
  readonly extraction: Extraction;
  readonly rows: TableRows;
  readonly watermark: Watermark | undefined;
  /** Contents that go when it is loaded. */
  readonly replaced: readonly string[];
}

interface Parts {
  readonly table: TableSource;
  readonly connection: Extract<ResolvedConnection, { type: 'postgres' }>;
  readonly path: string;
}

function partsOf({ source }: SourceRun): Parts {
  const { table, connection } = source;
  if (table === undefined || connection?.type !== 'postgres') throw new Error(`${source.name} is no table`);
  return { table, connection, path: tablePath(connection, table) };
}

/** One run over a table of a database: read it, and load what is new of it exactly once. */
export class TableIngest {
  readonly #run: SourceRun;
  readonly #parts: Parts;

  constructor(run: SourceRun) {
    this.#run = run;
    this.#parts = partsOf(run);
  }

  /**
   * Reads the table and commits what is new. `told` is the last batch whose end the ledger tells, as `recover` says. Rejects with
   * `STATE_LOST` for a target with rows of which the ledger knows nothing (Decision 7), and with what `extractTable` rejects with.
   */
  async ingest(told: number): Promise<FileResult> {
    let known = told;
    for (let lost = 0; lost < MAX_LOST; lost++) {
      const result = await this.#pass(known);
      if (result !== undefined) return result;
      // Who won may have died before it could say so.
      known = await recover(this.#run);
    }
    throw new LakeError('INGEST_BUSY', `${this.#run.source.target} was committed to by others ${MAX_LOST} times`, {
      retryable: true,
    });
  }

  /** Undefined when another run has committed in between. */
  async #pass(told: number): Promise<FileResult | undefined> {
    const started = this.#run.deps.clock.now();
    const planned = await this.#view(told);
    await this.#run.onStep('planned');
    const { view, extraction } = await this.#read(planned);
    try {
      await this.#run.onStep('extracted');
      return await this.#load(view, { extraction, started });
    } finally {
      await extraction.drop();
      await rm(this.#newFile, { force: true });
    }
  }

  async #view(told: number): Promise<TableView> {
    const { deps, source, target } = this.#run;
    const snapshot = await target.findSnapshot();
    await assertStateKept(deps, { target: target.name, snapshot });
    const place = { source: source.name, target: source.target };
    const known = Math.max(await readKnownBatch(deps, place), told);
    const { events, version } = await readFileEvents(deps, place);
    const watermark = findWatermark(events);
    if (watermark !== undefined && source.table?.watermark === undefined) {
      this.#run.warn(`${source.name}: its watermark ${watermark.column} is not used by a full load`);
    }
    return { states: new FileStates(events), before: this.#before(watermark), seq: version, nextBatch: known + 1 };
  }

  /** The watermark that the run goes on from: none for a full load, and for another column than the last time. */
  #before(watermark: KnownWatermark | undefined): KnownWatermark | undefined {
    const { source, request } = this.#run;
    const options = source.table?.watermark;
    if (options === undefined || watermark === undefined || request.fullRefresh === true) return undefined;
    if (watermark.column === options.column && watermark.type === options.type) return watermark;
    this.#run.warn(
      `${source.name}: the watermark was ${watermark.column} (${watermark.type}) and is ${options.column} (${options.type}) now: the whole table is read`,
    );
    return undefined;
  }

  /** Reads what is new. Rows of a server that was restored may have come with values that were read before: all of them are read then. */
  async #read(view: TableView): Promise<{ readonly view: TableView; readonly extraction: Extraction }> {
    const extraction = await this.#extract(view);
    if (!isRestored(view.before, extraction)) return { view, extraction };
    await extraction.drop();
    this.#run.warn(
      `${this.#run.source.name}: the server counts its transactions from lower ids than in an earlier run: it was restored or is another one, and the whole table is read`,
    );
    const anew = { ...view, before: undefined };
    return { view: anew, extraction: await this.#extract(anew) };
  }

  async #extract({ before }: TableView): Promise<Extraction> {
    const { deps, request, runDate, runId } = this.#run;
    const { table, connection } = this.#parts;
    const { watermark: options, from, columns } = table;
    return extractTable(
      connection.server,
      {
        from,
        executionDate: runDate,
        ...(columns === undefined ? {} : { columns }),
        ...(options === undefined
          ? {}
          : {
              watermark: {
                column: options.column,
                type: options.type,
                nulls: options.nulls,
                overlap: options.overlap === 0 ? null : String(options.overlap),
                lower: before?.value ?? null,
                lateFrom: before?.late_from ?? null,
              },
            }),
      },
      {
        session: deps.session,
        scratch: deps.scratch,
        name: `extract-${runId}`,
        clock: deps.clock,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
        onProgress: (rows, bytes) =>
          deps.onProgress?.({
            phase: 'read',
            done: rows,
            unit: 'rows',
            detail: this.#parts.path,
            bytes: { done: bytes, total: bytes },
          }),
      },
    );
  }

  async #load(
    view: TableView,
    at: { readonly extraction: Extraction; readonly started: number },
  ): Promise<FileResult | undefined> {
    const { extraction, started } = at;
    const { before } = view;
    const { source } = this.#run;
    const options = this.#parts.table.watermark;
    const watermark =
      options === undefined ? undefined : nextWatermark(options, extraction, { before, keyed: source.key.length > 0 });
    const replaced = options === undefined ? this.#snapshotsOfDay(view) : [];
    const rows = await this.#rows(extraction, replaced);
    const plan = this.#plan(view, { extraction, rows, watermark, replaced });
    const incremental = options !== undefined;
    if (incremental && rows.rows === 0 && view.states.loads(this.#parts.path).length > 0) {
      return this.#nothingNew(view, { plan, watermark, before });
    }
    const request = { files: [plan], states: view.states, seq: view.seq, batch: view.nextBatch };
    // A column that came as text because of some values has its type all the same; those values are rescued.
    const declared = extraction.columns.filter(({ note }) => note !== undefined);
    const types = Object.fromEntries(declared.map(({ name, declaredType }) => [name, declaredType]));
    const run = { ...this.#run, source: { ...source, columns: { ...types, ...source.columns } } };
    const result = await loadBatch(run, request);
    if (result === 'split' || result.lost) return undefined;
    const [outcome] = result.outcomes;
    if (outcome === undefined) throw new Error('a batch without an outcome');
    const notes = [...extraction.notes, ...declared.map(({ name, note }) => `${name}: ${note}`), ...outcome.notes];
    const timed = { ...outcome, notes, durationMs: this.#run.deps.clock.now() - started };
    const event = outcomeEvent(this.#run, request, timed);
    const [told] = await this.#run.journal.write([event]);
    await this.#run.onStep('events_written');
    if (told !== undefined) await this.#keepWatermark([told]);
    return fileResult(this.#run, timed, event);
  }

  /** The contents that a full load of this day has left: they go when it is loaded again. */
  #snapshotsOfDay({ states }: TableView): string[] {
    const loads = states.loads(this.#parts.path).filter(({ businessDate }) => businessDate === this.#run.runDate);
    return [...new Set(loads.map(({ sha }) => sha))];
  }

  /** Where the rows that are new are put before they are loaded. */
  get #newFile(): string {
    return join(this.#run.deps.scratch, `new-${this.#run.runId}.parquet`);
  }

  async #rows(extraction: Extraction, replaced: readonly string[]): Promise<TableRows> {
    const { deps, source, target, runDate } = this.#run;
    const { table, path } = this.#parts;
    const request: NewRowsRequest = {
      session: deps.session,
      target,
      snapshot: await target.findSnapshot(),
      extracted: extraction,
      into: this.#newFile,
      path,
      key: source.key,
      transformed: this.#run.transform !== undefined,
    };
    if (table.watermark !== undefined) return newRows(request);
    if (!table.tombstones) return allRows(request);
    return withTombstones(request, { replaced, day: runDate, extractedAt: extraction.snapshot.at });
  }

  #plan(view: TableView, at: LoadFacts): FilePlan {
    const { extraction, rows, replaced } = at;
    const { table, connection, path } = this.#parts;
    const { runDate, deps } = this.#run;
    const { host, port, database } = connection.server;
    const detail = this.#detail(at);
    const { before } = view;
    const loaded = view.states.loads(path).length > 0;
    const action: Action = replaced.length > 0 ? 'replace' : loaded ? 'append' : 'load';
    const rule: Rule = table.watermark === undefined ? 'full_load' : 'incremental_load';
    const since = before?.value == null ? 'from the beginning' : `from ${before.column} ${before.value} on`;
    const reason =
      table.watermark === undefined
        ? `the whole table as of ${extraction.snapshot.at}`
        : `${since}: ${extraction.rows} row${extraction.rows === 1 ? '' : 's'} read, ${rows.rows} new`;
    return {
      file: {
        path,
        location: rows.file,
        origin: `postgres://${host}:${port}/${database}`,
        size: rows.size,
        modified: deps.clock.now(),
        businessDate: runDate,
        waiting: null,
      },
      fingerprint: { ...this.#fingerprint(extraction), size: rows.size },
      problem: undefined,
      decision: { action, rule, reason, evidence: { entity: table.entity, since: before?.value ?? null } },
      replaced,
      attempt: 1,
      own: { columns: rows.columns, rows: rows.rows, kept: this.#keptColumns() },
      detail,
    };
  }

  /** What a transform must keep, so that the next run can tell what is new. */
  #keptColumns(): readonly string[] {
    const { watermark, tombstones } = this.#parts.table;
    return watermark === undefined && !tombstones ? [] : ROW_COLUMNS;
  }

  /** Tells this load from all others; what it holds is in its `checksum`. */
  #fingerprint(extraction: Extraction) {
    const { source, runId, runDate, deps } = this.#run;
    const identity = [
      source.name,
      source.target,
      this.#parts.path,
      runId,
      runDate,
      extraction.snapshot.at,
      extraction.fingerprint,
    ];
    const sha256 = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
    return { sha256, gitSha: null, modified: deps.clock.now(), changeKey: '' };
  }

  #detail({ extraction, rows: loaded, watermark }: LoadFacts): LoadDetail {
    const { rows, fingerprint, snapshot, lateRows, nullWatermarks } = extraction;
    return {
      execution_date: this.#run.runDate,
      extract: {
        rows,
        checksum: fingerprint,
        // A transform makes other rows of them.
        ...(this.#run.transform === undefined ? { loaded_checksum: loaded.checksum } : {}),
        at: snapshot.at,
        server: snapshot.serverVersion,
        ...(watermark === undefined ? {} : { late_rows: lateRows, null_watermarks: nullWatermarks }),
      },
      ...(watermark === undefined ? {} : { watermark }),
    };
  }

  /** Nothing to commit to the target; that the watermark moved is told all the same. */
  async #nothingNew(
    view: TableView,
    at: {
      readonly plan: FilePlan;
      readonly watermark: Watermark | undefined;
      readonly before: KnownWatermark | undefined;
    },
  ): Promise<FileResult> {
    const { plan, watermark, before } = at;
    const outcome: FileOutcome = { plan, rows: 0, rejected: 0, rescued: 0, notes: [], durationMs: 0 };
    const skipped = { ...plan, decision: { ...plan.decision, action: 'skip' as const } };
    if (watermark === undefined || isSameWatermark(before, watermark)) {
      return fileResult(this.#run, { ...outcome, plan: skipped }, undefined);
    }
    const last = view.states.loads(this.#parts.path).at(-1);
    const event = eventOf(
      this.#run,
      { seq: view.seq, plan: skipped },
      { status: 'SKIPPED', sha: last?.sha ?? plan.fingerprint?.sha256 ?? '' },
    );
    await this.#keepWatermark(await this.#run.journal.write([event]));
    return fileResult(this.#run, { ...outcome, plan: skipped }, event);
  }

  async #keepWatermark(events: readonly FileEvent[]): Promise<void> {
    const watermark = findWatermark(events);
    if (watermark !== undefined) await writeWatermark(this.#run.deps, watermark);
  }
}
