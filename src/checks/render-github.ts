import { grainText, worstFirst } from './render-table.js';
import type { CheckOutcome, CheckReport } from './report.js';

/** GitHub shows the first ten annotations of each kind of a step and drops the others. */
const MAX_ANNOTATIONS = 10;
/** Grains that one annotation spells out. */
const MAX_GRAINS = 3;

function escapeMessage(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

function messageOfCheck(check: CheckOutcome): string {
  if (check.failure !== null) return `could not be evaluated: ${check.failure.message}`;
  const bad = worstFirst(check.results.filter((result) => result.level !== 'pass'));
  const lines = bad.slice(0, MAX_GRAINS).map((result) => {
    const grain = grainText(result.grain);
    return grain === '' ? result.message : `${grain}: ${result.message}`;
  });
  return [...lines, ...(bad.length > MAX_GRAINS ? [`and ${bad.length - MAX_GRAINS} more`] : [])].join('\n');
}

function annotation(check: CheckOutcome): string {
  const title = escapeProperty(`${check.name}@${check.version}: ${check.title}`);
  // A shipped check is no file of the user's repository, so there is no line to point at.
  const place = check.shipped ? '' : `file=${escapeProperty(check.file)},line=${check.sql_line},`;
  return `::${check.level === 'warn' ? 'warning' : 'error'} ${place}title=${title}::${escapeMessage(messageOfCheck(check))}`;
}

function limited(checks: readonly CheckOutcome[], kind: 'error' | 'warning'): string[] {
  if (checks.length <= MAX_ANNOTATIONS) return checks.map(annotation);
  const shown = checks.slice(0, MAX_ANNOTATIONS - 1);
  const names = checks.slice(shown.length).map((check) => check.name);
  return [...shown.map(annotation), `::${kind} title=${names.length} more checks::${escapeMessage(names.join(', '))}`];
}

/**
 * The report as workflow commands of GitHub Actions, one annotation per check that does not pass, worst first, at most ten
 * errors and ten warnings (the tenth names the rest). Empty text when all pass.
 */
export function renderGithub(report: CheckReport): string {
  const checks = worstFirst(report.checks);
  const errors = checks.filter((check) => check.level === 'failed_to_run' || check.level === 'error');
  const warnings = checks.filter((check) => check.level === 'warn');
  return [...limited(errors, 'error'), ...limited(warnings, 'warning')].map((line) => `${line}\n`).join('');
}
