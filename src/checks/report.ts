import { EXIT, type ExitCode } from '../base/lake-error.js';
import type { JudgedLevel } from './judge.js';

export type CheckLevel = JudgedLevel | 'failed_to_run';
export const CHECK_LEVELS = ['pass', 'warn', 'error', 'failed_to_run'] as const satisfies readonly CheckLevel[];

/** One measured value: of one grain of a metric, or the number of rows of a `result: rows` check. */
export interface CheckResult {
  /** The grain columns with their values; `{}` for a check without grain. */
  readonly grain: Readonly<Record<string, unknown>>;
  readonly value: number | null;
  readonly level: JudgedLevel;
  /** The rule that fired (`< 95`, `on_null`, `on_empty`); null when the value passes. */
  readonly threshold: string | null;
  /** `rows`: the first rows. `metric`: the row itself when it does not pass. Redacted columns are hashes. */
  readonly samples: readonly Readonly<Record<string, unknown>>[];
  /** The other columns of a metric's row. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly rows: number;
  readonly message: string;
}

export interface CheckFailure {
  readonly code: string;
  readonly message: string;
  readonly place: string | null;
  readonly hint: string | null;
}

/** What one check found. */
export interface CheckOutcome {
  readonly name: string;
  readonly version: number;
  readonly title: string;
  /** The worst level of its results, or `failed_to_run`. */
  readonly level: CheckLevel;
  readonly severity: 'error' | 'warn' | 'info';
  readonly warn: string | null;
  readonly error: string | null;
  readonly unit: string | null;
  readonly params: Readonly<Record<string, unknown>>;
  readonly results: readonly CheckResult[];
  /** Why it could not be evaluated; null when it was. */
  readonly failure: CheckFailure | null;
  readonly sql_sha256: string;
  readonly file: string;
  readonly sql_line: number;
  readonly shipped: boolean;
  /** ISO 8601 UTC. */
  readonly started_at: string;
  readonly duration_ms: number;
}

/** The result of `check run -o json` (docs: the command line contract). */
export interface CheckReport {
  readonly run_id: string;
  /** Version of `metadata.ingestion_manifest` that was judged; null when there is none or it cannot be read. */
  readonly ledger_version: number | null;
  /** Number of checks by level. */
  readonly totals: Readonly<Record<CheckLevel, number>>;
  readonly checks: readonly CheckOutcome[];
  readonly tool_version: string;
  readonly git_commit: string | null;
  /** Version of `metadata.check_result` that keeps the results; null when they could not be stored. */
  readonly result_version: number | null;
  /** Why the results could not be stored; null when they were. */
  readonly storage_failure: CheckFailure | null;
}

export const FAIL_ON = ['error', 'warn', 'never'] as const;
export type FailOn = (typeof FAIL_ON)[number];

/** The worst of some levels; `pass` of none. */
export function worstLevel(levels: readonly CheckLevel[]): CheckLevel {
  return levels.reduce<CheckLevel>(
    (worst, level) => (CHECK_LEVELS.indexOf(level) > CHECK_LEVELS.indexOf(worst) ? level : worst),
    'pass',
  );
}

export function countLevels(checks: readonly Pick<CheckOutcome, 'level'>[]): CheckReport['totals'] {
  const totals = { pass: 0, warn: 0, error: 0, failed_to_run: 0 };
  for (const { level } of checks) totals[level] += 1;
  return totals;
}

/**
 * The exit code of `check run`. A check that could not be evaluated, or results that could not be kept, are the tool's
 * failure (3) whatever `--fail-on` says; then the data's (1) at or above `--fail-on`.
 */
export function exitCodeFor(
  report: Pick<CheckReport, 'totals' | 'storage_failure'>,
  failOn: FailOn = 'error',
): ExitCode {
  const { totals } = report;
  if (totals.failed_to_run > 0 || report.storage_failure !== null) return EXIT.tool;
  const bad = failOn === 'never' ? 0 : totals.error + (failOn === 'warn' ? totals.warn : 0);
  return bad > 0 ? EXIT.data : EXIT.ok;
}
