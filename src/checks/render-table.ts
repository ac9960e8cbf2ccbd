import { CHECK_LEVELS, type CheckLevel, type CheckOutcome, type CheckReport, type CheckResult } from './report.js';
import { parseThreshold, valueText } from './threshold.js';

/** One line of the table of `check run`. */
export interface CheckTableRow {
  readonly level: CheckLevel;
  readonly check: string;
  readonly version: number;
  readonly grain: string;
  readonly value: string;
  readonly threshold: string;
  readonly duration: string;
}

/** At most this many grains of one check that do not pass, and this many that do, have a line of their own. */
const MAX_LINES = 10;

/** `ingest_date=2025-12-09, source=a`; empty without grain. */
export function grainText(grain: CheckResult['grain']): string {
  return Object.entries(grain)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(', ');
}

/** The value with its unit, exact enough to agree with its level. */
function shownValue(check: CheckOutcome, value: number | null): string {
  const thresholds = [check.error, check.warn].map((text) => (text === null ? undefined : parseThreshold(text)));
  const text = valueText(value, thresholds);
  return value === null || check.unit === null || check.unit === '' ? text : `${text} ${check.unit}`;
}

/** What fired, or all comparisons of a value that passes. */
export function shownThreshold(check: CheckOutcome, result: CheckResult): string {
  if (result.threshold !== null) return result.threshold;
  const both = [check.warn === null ? '' : `warn ${check.warn}`, check.error === null ? '' : `error ${check.error}`];
  return both.filter((text) => text !== '').join(', ');
}

/** The results, worst first, in the order of the query within a level. */
export function worstFirst<T extends { readonly level: CheckLevel }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => CHECK_LEVELS.indexOf(b.level) - CHECK_LEVELS.indexOf(a.level));
}

function foldedLine(check: CheckOutcome, folded: readonly CheckResult[]): Pick<CheckTableRow, 'grain' | 'value'> {
  const values = folded.flatMap((result) => (result.value === null ? [] : [result.value])).sort((a, b) => a - b);
  const [low, high] = [values[0] ?? null, values.at(-1) ?? null];
  const range = low === high ? shownValue(check, low) : `${shownValue(check, low)} … ${shownValue(check, high)}`;
  return { grain: `${folded.length} more`, value: range };
}

function linesOf(check: CheckOutcome): CheckTableRow[] {
  const common = { check: check.name, version: check.version };
  const duration = `${check.duration_ms} ms`;
  if (check.failure !== null) {
    return [{ level: check.level, ...common, grain: '', value: '', threshold: check.failure.message, duration }];
  }
  return CHECK_LEVELS.toReversed().flatMap((level) => {
    const results = check.results.filter((result) => result.level === level);
    const shown = results.length > MAX_LINES ? results.slice(0, MAX_LINES - 1) : results;
    const lines = shown.map((result) => ({
      level,
      ...common,
      grain: grainText(result.grain),
      value: shownValue(check, result.value),
      threshold: shownThreshold(check, result),
      duration,
    }));
    const folded = results.slice(shown.length);
    const [first] = folded;
    if (first === undefined) return lines;
    return [
      ...lines,
      { level, ...common, ...foldedLine(check, folded), threshold: shownThreshold(check, first), duration },
    ];
  });
}

/**
 * The report as rows of a table: one per check and grain, the worst of a check first. Of each level of a check the first
 * ten are listed; the others are one line with the range of their values. JSON has them all.
 */
export function renderChecksTable(report: CheckReport): CheckTableRow[] {
  return report.checks.flatMap(linesOf);
}

/** One sentence: `5 checks: 3 pass, 1 warn, 1 error`. */
export function verdict(report: Pick<CheckReport, 'totals' | 'checks'>): string {
  const parts = CHECK_LEVELS.filter((level) => report.totals[level] > 0).map(
    (level) => `${report.totals[level]} ${level.replaceAll('_', ' ')}`,
  );
  const count = report.checks.length;
  return `${count} check${count === 1 ? '' : 's'}: ${parts.join(', ') || 'nothing to run'}`;
}
