import { basename } from 'node:path';
import { EXIT, LakeError } from '../../base/lake-error.js';
import type { SqlFragment } from '../../base/sql-file.js';
import type { Snapshot } from '../../delta/index.js';
import { FileStage, type StagedFile, type StagedGroup } from '../../sources/formats/index.js';
import { assertUnchanged } from '../../sources/index.js';
import type { BatchRequest, SourceRun } from '../context.js';
import type { FilePlan } from '../plan/plan.js';
import type { RowDiff } from '../result.js';
import { planSchema, type SchemaPlan } from '../schema/index.js';
import { type FileOutcome, processingEvents } from './batch-events.js';
import { keepRejects } from './batch-rejects.js';
import {
  type BatchFile,
  type BatchRows,
  dropBatchRows,
  leaveOut,
  plainRows,
  registerFiles,
  targetRows,
  transformedRows,
} from './batch-rows.js';
import { recordBatchLayouts, sourceColumns } from './batch-schema.js';
import { deleteCondition, diffCorrection, type Relabel, withRelabelled } from './corrections.js';
import { countRows, countsOf, type FileCounts, keptRows } from './expectations.js';
import { keepRawCopy } from './raw-copy.js';
import { batchAppId, renderMark } from './target.js';

/** How a batch ended. */
export interface BatchResult {
  /** Another run has committed in between: what is decided must be decided again. */
  readonly lost: boolean;
  readonly outcomes: readonly FileOutcome[];
  /** Contents that another path has now got the rows of. */
  readonly relabelled: readonly Relabel[];
}

/** The rows of a file of this size or more are not kept in the session. */
const LARGE_BYTES = 32 * 1024 * 1024;

/** Errors that are about the file, and so end only its own load. */
function isAboutFile(error: unknown): error is LakeError {
  if (!(error instanceof LakeError)) return false;
  return (
    error.exitCode === EXIT.data ||
    error.exitCode === EXIT.drift ||
    error.code === 'SQL' ||
    error.code === 'ENGINE_FAILED'
  );
}

interface Prepared {
  readonly rows: BatchRows;
  readonly kept: SqlFragment;
  readonly counts: ReadonlyMap<number, FileCounts>;
}

/** One batch: files that are loaded by one commit. The number of a file is its place in the request. */
class Batch {
  readonly #run: SourceRun;
  readonly #request: BatchRequest;
  readonly #stage: FileStage;
  readonly #staged = new Map<number, StagedFile>();
  readonly #errors = new Map<number, LakeError>();
  readonly #notes = new Map<number, string[]>();
  readonly #rejected = new Map<number, number>();
  readonly #diffs = new Map<number, RowDiff>();
  readonly #rawPaths = new Map<number, string>();
  /** Files whose layout waits to be accepted. */
  readonly #pending = new Set<number>();
  /** How long each file took to be read, in milliseconds. */
  readonly #durations = new Map<number, number>();
  #schemaVersions: ReadonlyMap<number, number> = new Map();

  constructor(run: SourceRun, request: BatchRequest) {
    this.#run = run;
    this.#request = request;
    const { session, scratch } = run.deps;
    this.#stage = new FileStage({ session, scratch, onProgress: (bytes) => request.progress?.read(bytes) });
  }

  async load(): Promise<BatchResult> {
    const { onStep } = this.#run;
    try {
      for (const [no, plan] of this.#request.files.entries()) await this.#stageFile(no, plan);
      await onStep('staged');
      if (this.#good().length === 0) return this.#result(undefined, []);
      const prepared = await this.#prepare();
      if (this.#good().length === 0) return this.#result(undefined, []);
      await this.#keepRaw();
      await onStep('raw_kept');
      await onStep('prepared');
      return await this.#commit(prepared);
    } finally {
      await this.#stage.drop();
      await dropBatchRows(this.#run.deps.session);
    }
  }

  /** The numbers of the files that have not failed. */
  #good(): number[] {
    return [...this.#request.files.keys()].filter((no) => !this.#errors.has(no));
  }

  async #stageFile(no: number, plan: FilePlan): Promise<void> {
    const { source, request } = this.#run;
    const { file, fingerprint } = plan;
    const { progress } = this.#request;
    request.signal?.throwIfAborted();
    progress?.begin(file);
    const started = this.#run.deps.clock.now();
    try {
      if (fingerprint === undefined) throw plan.problem;
      const { location, path, size } = file;
      const toStage = { no, location, path, size };
      const { own } = plan;
      const staged =
        own === undefined ? await this.#stage.add(toStage, source.format) : this.#stage.addOwn(toStage, own);
      this.#staged.set(no, staged);
      this.#note(no, staged.notes);
      // What was staged is what was hashed.
      if (own === undefined) await assertUnchanged(location, fingerprint);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!isAboutFile(error)) throw error;
      this.#errors.set(no, error);
    } finally {
      progress?.end();
      this.#durations.set(no, this.#run.deps.clock.now() - started);
    }
  }

  #note(no: number, notes: readonly string[]): void {
    if (notes.length > 0) this.#notes.set(no, [...(this.#notes.get(no) ?? []), ...notes]);
  }

  /** From staged files to rows of the target. */
  async #prepare(): Promise<Prepared> {
    const { deps, source, transform, runId, ingestDate } = this.#run;
    const { session } = deps;
    const good = () => this.#good().flatMap((no) => this.#batchFile(no));
    await registerFiles({ session, runId, ingestDate }, good());
    const groups = await this.#stage.groups();
    const plan = await this.#planSchema(groups);
    const columns = plan.columns.filter(({ type }) => type !== 'NULL');
    const large = this.#request.files.length === 1 && (this.#request.files[0]?.file.size ?? 0) > LARGE_BYTES;
    const selects = groups.map((group) => plan.select(group));
    const plain = await plainRows(session, { selects, columns, large });
    const rows =
      transform === undefined
        ? plain
        : await transformedRows(
            { session, runId, ingestDate },
            { rows: plain, files: good(), kept: this.#keptColumns() },
            transform,
          );
    const counts = await countRows(session, rows.relation, source.expectations);
    await this.#judgeExpectations(counts);
    await this.#judgeRejects({ plan, rows, groups });
    await this.#run.onStep('rejects_kept');
    const kept = keptRows(rows.relation, source.expectations);
    const refused = [...counts.values()].some(({ broken }) => broken.some((count) => count > 0));
    return { rows, kept, counts: refused && kept !== rows.relation ? await countRows(session, kept, []) : counts };
  }

  /** What a transform must keep of the files. */
  #keptColumns(): string[] {
    return [...new Set(this.#request.files.flatMap(({ own }) => own?.kept ?? []))];
  }

  #batchFile(no: number): BatchFile[] {
    const plan = this.#request.files[no];
    if (plan?.fingerprint === undefined) return [];
    const { file, fingerprint, own } = plan;
    return [{ no, path: file.path, sha: fingerprint.sha256, anew: own !== undefined }];
  }

  async #planSchema(groups: readonly StagedGroup[]): Promise<SchemaPlan> {
    const { deps, source } = this.#run;
    const { current, accepted, known } = await sourceColumns(this.#run);
    const plan = await planSchema(deps.session, {
      groups,
      current,
      contract: source.contract,
      declared: source.columns,
      accepted,
      known,
    });
    for (const [no, error] of plan.stopped) this.#errors.set(no, error);
    for (const layout of plan.layouts) if (layout.pending) for (const no of layout.files) this.#pending.add(no);
    await leaveOut(deps.session, [...plan.stopped.keys()]);
    for (const note of plan.notes) this.#run.warn(`${source.target}: ${note}`);
    const layouts = await recordBatchLayouts(this.#run, { plan, files: this.#request.files });
    this.#schemaVersions = layouts.versions;
    for (const [no, notes] of layouts.notes) this.#note(no, notes);
    await this.#run.onStep('schema_recorded');
    return plan;
  }

  async #judgeExpectations(counts: ReadonlyMap<number, FileCounts>): Promise<void> {
    const { source, deps } = this.#run;
    const failed: number[] = [];
    for (const no of this.#good()) {
      for (const [i, { name, expression, action }] of source.expectations.entries()) {
        const broken = countsOf(counts, no).broken[i] ?? 0;
        if (broken === 0) continue;
        const what = `${broken} row${broken === 1 ? '' : 's'} ${broken === 1 ? 'does' : 'do'} not meet "${name}" (${expression})`;
        this.#note(no, [action === 'quarantine' ? `${what}: in metadata.reject` : what]);
        if (action !== 'fail' || this.#errors.has(no)) continue;
        failed.push(no);
        this.#errors.set(
          no,
          new LakeError('EXPECTATION_FAILED', what, {
            exitCode: EXIT.data,
            hint: 'correct the file, or change the expectation and run "retry --all"',
          }),
        );
      }
    }
    await leaveOut(deps.session, failed);
  }

  async #judgeRejects(at: {
    readonly plan: SchemaPlan;
    readonly rows: BatchRows;
    readonly groups: readonly StagedGroup[];
  }): Promise<void> {
    const { deps, source } = this.#run;
    const files = [...this.#request.files.keys()].flatMap((no) => this.#batchFile(no));
    const rejected = await keepRejects(this.#run, { ...at, unread: this.#stage.rejects(), files });
    const limit = source.maxRejectedRows;
    const over: number[] = [];
    for (const [no, count] of rejected) {
      this.#rejected.set(no, count);
      if (limit === undefined || count <= limit || this.#errors.has(no)) continue;
      over.push(no);
      const what = `${count} rows were rejected, more than max_rejected_rows: ${limit}`;
      this.#errors.set(
        no,
        new LakeError('TOO_MANY_REJECTS', what, {
          exitCode: EXIT.data,
          hint: 'lakeledger query "SELECT line, error, text FROM metadata.reject"',
        }),
      );
    }
    await leaveOut(deps.session, over);
  }

  /** Copies of the bytes, before anything says that they were loaded. */
  async #keepRaw(): Promise<void> {
    const { deps, source, ingestDate } = this.#run;
    if (!source.keepRaw) return;
    for (const no of this.#good()) {
      const plan = this.#request.files[no];
      if (plan?.fingerprint === undefined) continue;
      const { location, path } = plan.file;
      const request = {
        store: deps.catalog.store,
        location,
        source: source.name,
        ingestDate,
        sha: plan.fingerprint.sha256,
      };
      try {
        this.#rawPaths.set(no, await keepRawCopy({ ...request, name: basename(path) }));
      } catch (error) {
        if (!isAboutFile(error)) throw error;
        this.#errors.set(no, error);
        await leaveOut(deps.session, [no]);
      }
    }
  }

  async #commit({ rows, kept, counts }: Prepared): Promise<BatchResult> {
    const { deps, source, target, onStep } = this.#run;
    const { batch } = this.#request;
    const before = await target.findSnapshot();
    if (before === undefined) await target.ensure(rows.columns, source.name);
    const snapshot = before ?? (await target.table.snapshot());
    const replacements = this.#good().flatMap((no) => {
      const plan = this.#request.files[no];
      return plan === undefined || plan.replaced.length === 0
        ? []
        : [{ fileNo: no, path: plan.file.path, shas: plan.replaced }];
    });
    const place = { session: deps.session, target, snapshot };
    for (const one of replacements) {
      const diff = await diffCorrection({ ...place, rows: kept, columns: rows.columns, key: source.key }, one);
      this.#diffs.set(one.fileNo, diff);
    }
    const relabels = this.#relabels();
    const relation = await withRelabelled(place, targetRows(kept), relabels);
    const gone = deleteCondition(replacements);
    const result = await target.table.append(relation, {
      repeatable: true,
      mergeSchema: true,
      txn: { appId: batchAppId(source.name, target.name), version: batch, lastUpdated: deps.clock.now() },
      userMetadata: this.#mark(counts),
      ...(gone === undefined ? {} : { deleteWhere: gone.where, params: gone.params }),
    });
    if (!result.committed) return { lost: true, outcomes: [], relabelled: [] };
    await onStep('committed');
    return this.#result({ counts, version: result.version, snapshot }, relabels);
  }

  /** Rows that go from a path but are still those of another one, which was skipped because of them. */
  #relabels(): Relabel[] {
    const { states } = this.#request;
    return this.#good().flatMap((no) => {
      const plan = this.#request.files[no];
      return (plan?.replaced ?? []).flatMap((sha): Relabel[] => {
        const path = plan?.file.path ?? '';
        // The same bytes again: they stay under this path.
        if (sha === plan?.fingerprint?.sha256) return [];
        const heir = states.heir(path, sha);
        return heir === undefined ? [] : [{ sha, old_path: path, new_path: heir.path }];
      });
    });
  }

  #mark(counts: ReadonlyMap<number, FileCounts>): string {
    const { source, runId } = this.#run;
    const files = this.#good().flatMap((no) => {
      const { fingerprint, detail } = this.#request.files[no] ?? {};
      return this.#batchFile(no).map(({ path, sha }) => ({
        path,
        sha,
        rows: countsOf(counts, no).rows,
        git_sha: fingerprint?.gitSha ?? null,
        size: fingerprint?.size ?? 0,
        rescued: countsOf(counts, no).rescued,
        rejected: this.#rejected.get(no) ?? 0,
        ...(detail === undefined ? {} : { detail }),
      }));
    });
    return renderMark({ run_id: runId, source: source.name, batch: this.#request.batch, files });
  }

  #result(
    done:
      | { readonly counts: ReadonlyMap<number, FileCounts>; readonly version: number; readonly snapshot: Snapshot }
      | undefined,
    relabelled: readonly Relabel[],
  ): BatchResult {
    const outcomes = this.#request.files.map((plan, no): FileOutcome => {
      const error = this.#errors.get(no);
      const staged = this.#staged.get(no);
      const schemaVersion = this.#schemaVersions.get(no);
      const rawPath = this.#rawPaths.get(no);
      const counts = done === undefined ? undefined : countsOf(done.counts, no);
      const diff = this.#diffs.get(no);
      const notes = [...(this.#notes.get(no) ?? [])];
      const rescued = counts?.rescued ?? 0;
      if (rescued > 0)
        notes.push(
          `${rescued} row${rescued === 1 ? ' has' : 's have'} values that do not fit their column: in _rescued_data`,
        );
      return {
        plan,
        rows: counts?.rows ?? 0,
        rejected: this.#rejected.get(no) ?? 0,
        rescued,
        notes,
        durationMs: this.#durations.get(no) ?? 0,
        ...(error === undefined ? {} : { error }),
        ...(staged === undefined ? {} : { format: staged.format }),
        ...(diff === undefined || error !== undefined ? {} : { diff }),
        ...(schemaVersion === undefined ? {} : { schemaVersion }),
        ...(rawPath === undefined ? {} : { rawPath }),
        ...(this.#pending.has(no) ? { pendingSchema: true } : {}),
        ...(done === undefined || error !== undefined ? {} : { version: done.version }),
      };
    });
    return { lost: false, outcomes, relabelled };
  }
}

function failedAll(request: BatchRequest, error: LakeError): BatchResult {
  const outcomes = request.files.map(
    (plan): FileOutcome => ({ plan, error, rows: 0, rejected: 0, rescued: 0, notes: [], durationMs: 0 }),
  );
  return { lost: false, outcomes, relabelled: [] };
}

/**
 * Writes ahead what is about to happen, loads the files and commits their rows with the batch's `txn`. What is wrong with one file
 * is its outcome. A batch that fails as a whole for a reason that may be one file's is not done; `split` says so.
 */
export async function loadBatch(run: SourceRun, request: BatchRequest): Promise<BatchResult | 'split'> {
  await run.journal.write(processingEvents(run, request));
  await run.onStep('written_ahead');
  try {
    return await new Batch(run, request).load();
  } catch (error) {
    run.request.signal?.throwIfAborted();
    if (!isAboutFile(error)) throw error;
    return request.files.length > 1 ? 'split' : failedAll(request, error);
  }
}
