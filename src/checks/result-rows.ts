import type { CheckOutcome, CheckReport } from './report.js';

/** A row of `metadata.check_result`: one per check and grain, and one for a check that could not be evaluated. */
export interface CheckResultRow {
  readonly run_id: string;
  readonly check_name: string;
  readonly check_version: number;
  readonly sql_sha256: string;
  /** JSON object. */
  readonly params: string;
  /** JSON object. */
  readonly grain: string;
  readonly value: number | null;
  readonly level: string;
  readonly severity: string;
  readonly warn: string | null;
  readonly error: string | null;
  readonly row_count: number | null;
  /** JSON array; null when there is no sample. */
  readonly samples: string | null;
  readonly message: string;
  readonly ledger_version: number | null;
  readonly tool_version: string;
  readonly git_commit: string | null;
  /** ISO 8601 UTC. */
  readonly started_at: string;
  /** Of the whole check, in milliseconds. */
  readonly duration_ms: number;
}

type Measured = Pick<CheckReport, 'run_id' | 'ledger_version' | 'checks' | 'tool_version' | 'git_commit'>;

function rowsOf(check: CheckOutcome, report: Measured): CheckResultRow[] {
  const common = {
    run_id: report.run_id,
    check_name: check.name,
    check_version: check.version,
    sql_sha256: check.sql_sha256,
    params: JSON.stringify(check.params),
    severity: check.severity,
    warn: check.warn,
    error: check.error,
    ledger_version: report.ledger_version,
    tool_version: report.tool_version,
    git_commit: report.git_commit,
    started_at: check.started_at,
    duration_ms: check.duration_ms,
  };
  if (check.failure !== null) {
    const { code, message } = check.failure;
    const nothing = { grain: '{}', value: null, row_count: null, samples: null };
    return [{ ...common, ...nothing, level: check.level, message: `${code}: ${message}` }];
  }
  return check.results.map((result) => ({
    ...common,
    grain: JSON.stringify(result.grain),
    value: result.value,
    level: result.level,
    row_count: result.rows,
    samples: result.samples.length === 0 ? null : JSON.stringify(result.samples),
    message: result.message,
  }));
}

/** The rows that keep a run, in the order of the report. */
export function resultRows(report: Measured): CheckResultRow[] {
  return report.checks.flatMap((check) => rowsOf(check, report));
}
