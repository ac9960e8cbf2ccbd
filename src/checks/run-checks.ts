import type { Clock } from '../base/clock.js';
import { LakeError, messageOf } from '../base/lake-error.js';
import type { Session, SqlParams } from '../duckdb/session.js';
import type { SqlRow } from '../duckdb/values.js';
import type { Check } from './check-file.js';
import { inspectCheck } from './inspect-check.js';
import { measureOf } from './measure.js';
import { assertKnownParams, type ParamContext, resolveParams } from './params.js';
import {
  type CheckFailure,
  type CheckOutcome,
  type CheckReport,
  type CheckResult,
  countLevels,
  worstLevel,
} from './report.js';
import { resultRows } from './result-rows.js';

const CANONICAL = 'metadata.ingestion_manifest';
const RESULTS = 'metadata.check_result';
const ENGINE_SCHEMAS = new Set(['main', 'temp', 'information_schema', 'pg_catalog']);
const DEFAULT_TIMEOUT_MS = 60_000;

/** The part of a table snapshot that checks look at. */
export interface TableVersion {
  readonly version: number | bigint;
}

/** What a check run needs from below; `S` is the snapshot type of the table format. */
export interface CheckDeps<S extends TableVersion> {
  readonly session: Session;
  readonly catalog: {
    findSnapshot(name: string, at?: { readonly version?: number }): Promise<S | undefined>;
    appendRows(session: Session, name: string, rows: readonly object[]): Promise<number | bigint>;
  };
  /**
   * Runs one SELECT over the given tables (by lower case `schema.table`) on `session` and yields its rows in chunks.
   * Must throw when the query fails midway: streamed results of DuckDB's Node driver then just end, and a check over half
   * of the rows would pass.
   */
  select(
    session: Session,
    request: { readonly sql: string; readonly params: SqlParams; readonly tables: ReadonlyMap<string, S> },
  ): AsyncIterable<readonly SqlRow[]>;
  readonly clock: Clock;
  readonly toolVersion: string;
  readonly gitCommit?: string | undefined;
  /** Key of the ledger (Decision 1); `file_sha` when absent. */
  readonly ledgerKey?: string | undefined;
}

export interface CheckRunOptions {
  /** From `selectChecks`. */
  readonly checks: readonly Check[];
  readonly runId: string;
  /** `--param name=value`, for every selected check that declares the name. */
  readonly params?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Judge the canonical table as it was at this version. */
  readonly atVersion?: number | undefined;
  /** Per check, in milliseconds; `timeout_seconds` of a check has precedence. Default: one minute. */
  readonly timeoutMs?: number | undefined;
  /** Called after each check, in order. */
  readonly onCheck?: ((outcome: CheckOutcome, done: number) => void) | undefined;
}

/** One snapshot per table and run, so that all checks of a run judge the same versions. */
class RunSnapshots<S extends TableVersion> {
  readonly #deps: CheckDeps<S>;
  readonly #atVersion: number | undefined;
  readonly #loaded = new Map<string, Promise<S | undefined>>();

  constructor(deps: CheckDeps<S>, atVersion: number | undefined) {
    this.#deps = deps;
    this.#atVersion = atVersion;
  }

  find(name: string): Promise<S | undefined> {
    let snapshot = this.#loaded.get(name);
    if (snapshot === undefined) {
      const pinned = name === CANONICAL && this.#atVersion !== undefined;
      snapshot = this.#deps.catalog.findSnapshot(name, pinned ? { version: this.#atVersion } : undefined);
      this.#loaded.set(name, snapshot);
    }
    return snapshot;
  }

  async all(names: readonly string[]): Promise<ReadonlyMap<string, S>> {
    const found = new Map<string, S>();
    for (const name of names) {
      const snapshot = await this.find(name);
      if (snapshot !== undefined) found.set(name, snapshot);
      else if (!ENGINE_SCHEMAS.has(name.slice(0, name.indexOf('.')))) {
        throw new LakeError('TABLE_NOT_FOUND', `the lake has no table ${name}`, {
          place: name,
          hint: 'run "lakeledger init" or "lakeledger record" first, or see "lakeledger table list"',
        });
      }
    }
    return found;
  }
}

function failureOf(error: unknown): CheckFailure {
  if (!(error instanceof LakeError)) {
    return { code: 'CHECK_RESULT', message: messageOf(error), place: null, hint: null };
  }
  return { code: error.code, message: error.message, place: error.place ?? null, hint: error.hint ?? null };
}

interface Job {
  readonly check: Check;
  readonly params: SqlParams;
  readonly timeoutMs: number;
}

/** Runs `work` and interrupts the session when the time is over. */
async function withTimeout(session: Session, job: Job, work: (isOver: () => boolean) => Promise<void>): Promise<void> {
  let over = false;
  let repeat: NodeJS.Timeout | undefined;
  const timer = setTimeout(() => {
    over = true;
    session.interrupt();
    // The statement may not have started yet: an interrupt between two statements is lost.
    repeat = setInterval(() => session.interrupt(), 1000);
  }, job.timeoutMs);
  try {
    await work(() => over);
  } catch (cause) {
    if (!over) throw cause;
    throw new LakeError('CHECK_TIMEOUT', `the check was stopped after ${job.timeoutMs / 1000} s`, {
      place: job.check.file,
      hint: 'narrow its query, or raise timeout_seconds in its front matter',
      cause,
    });
  } finally {
    clearTimeout(timer);
    clearInterval(repeat);
  }
}

async function evaluate<S extends TableVersion>(
  deps: CheckDeps<S>,
  job: Job,
  snapshots: RunSnapshots<S>,
): Promise<readonly CheckResult[]> {
  const { check, params } = job;
  const measure = measureOf(check);
  await withTimeout(deps.session, job, async (isOver) => {
    const { tables } = await inspectCheck(deps.session, check);
    // Blank lines in place of the front matter make DuckDB's "LINE n" the line of the file.
    const sql = '\n'.repeat(check.sqlLine - 1) + check.sql;
    const request = { sql, params, tables: await snapshots.all(tables) };
    if (isOver()) throw new Error('out of time');
    for await (const rows of deps.select(deps.session, request)) {
      if (isOver()) throw new Error('out of time');
      for (const row of rows) measure.add(row);
    }
    // Interrupted rows may end like complete ones.
    if (isOver()) throw new Error('out of time');
  });
  return measure.finish();
}

async function runCheck<S extends TableVersion>(
  deps: CheckDeps<S>,
  job: Job,
  snapshots: RunSnapshots<S>,
): Promise<CheckOutcome> {
  const { check } = job;
  const start = deps.clock.now();
  let results: readonly CheckResult[] = [];
  let failure: CheckFailure | null = null;
  try {
    results = await evaluate(deps, job, snapshots);
  } catch (error) {
    failure = failureOf(error);
  }
  return {
    name: check.name,
    version: check.version,
    title: check.title,
    level: failure === null ? worstLevel(results.map((result) => result.level)) : 'failed_to_run',
    severity: check.severity,
    warn: check.warn?.text ?? null,
    error: check.error?.text ?? null,
    unit: check.unit ?? null,
    params: job.params,
    results,
    failure,
    sql_sha256: check.sha256,
    file: check.file,
    sql_line: check.sqlLine,
    shipped: check.shipped,
    started_at: new Date(start).toISOString(),
    duration_ms: Math.max(0, Math.round(deps.clock.now() - start)),
  };
}

function planJobs(deps: CheckDeps<TableVersion>, options: CheckRunOptions): readonly Job[] {
  const given = options.params ?? {};
  assertKnownParams(given, options.checks);
  const now = new Date(deps.clock.now()).toISOString();
  const context: ParamContext = { now, today: now.slice(0, 10), ledger_key: deps.ledgerKey ?? 'file_sha' };
  return options.checks.map((check) => ({
    check,
    params: resolveParams({ specs: check.params, given, context, check: check.name }),
    timeoutMs:
      check.timeout_seconds === undefined ? (options.timeoutMs ?? DEFAULT_TIMEOUT_MS) : check.timeout_seconds * 1000,
  }));
}

/**
 * Runs checks one after the other and appends every measured value to `metadata.check_result`, also when it passes.
 * A check that cannot be evaluated (wrong SQL, unreadable table, time over) is `failed_to_run` and never stops the others.
 * @throws LakeError `USAGE` for parameters that do not fit, before anything runs; whatever the catalog throws when
 * `atVersion` does not exist.
 */
export async function runChecks<S extends TableVersion>(
  deps: CheckDeps<S>,
  options: CheckRunOptions,
): Promise<CheckReport> {
  const jobs = planJobs(deps, options);
  const snapshots = new RunSnapshots(deps, options.atVersion);
  const ledgerVersion = await readLedgerVersion(snapshots, options.atVersion);
  const checks: CheckOutcome[] = [];
  for (const job of jobs) {
    const outcome = await runCheck(deps, job, snapshots);
    checks.push(outcome);
    options.onCheck?.(outcome, checks.length);
  }
  const measured = {
    run_id: options.runId,
    ledger_version: ledgerVersion,
    totals: countLevels(checks),
    checks,
    tool_version: deps.toolVersion,
    git_commit: deps.gitCommit ?? null,
  };
  return { ...measured, ...(await store(deps, resultRows(measured))) };
}

async function readLedgerVersion<S extends TableVersion>(
  snapshots: RunSnapshots<S>,
  atVersion: number | undefined,
): Promise<number | null> {
  if (atVersion !== undefined) return Number((await snapshots.all([CANONICAL])).get(CANONICAL)?.version);
  try {
    const version = (await snapshots.find(CANONICAL))?.version;
    return version === undefined ? null : Number(version);
  } catch {
    // The checks that read the table report why; those that do not still have their say.
    return null;
  }
}

async function store<S extends TableVersion>(
  deps: CheckDeps<S>,
  rows: readonly object[],
): Promise<Pick<CheckReport, 'result_version' | 'storage_failure'>> {
  if (rows.length === 0) return { result_version: null, storage_failure: null };
  try {
    const version = await deps.catalog.appendRows(deps.session, RESULTS, rows);
    return { result_version: Number(version), storage_failure: null };
  } catch (error) {
    // What was measured is worth showing; the exit code tells that it is not kept.
    return { result_version: null, storage_failure: failureOf(error) };
  }
}
