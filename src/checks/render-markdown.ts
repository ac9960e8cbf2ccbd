import { grainText, renderChecksTable, verdict } from './render-table.js';
import type { CheckOutcome, CheckReport } from './report.js';

const MARKS = { pass: '✅', warn: '⚠️', error: '❌', failed_to_run: '💥' } as const;

/** Text inside a table cell: no markup, no HTML, one line. */
function cell(text: string): string {
  return text
    .replaceAll(/[\\`*_[\]|~]/g, (char) => `\\${char}`)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s+/g, ' ');
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');
}

function samplesOf(check: CheckOutcome): string {
  if (check.level === 'pass') return '';
  return check.results
    .filter((result) => result.level !== 'pass' && result.samples.length > 0)
    .slice(0, 3)
    .map((result) => {
      const rows = result.samples
        .slice(0, 3)
        .map((row) => JSON.stringify(row))
        .join('\n');
      const title = `${check.name} ${grainText(result.grain)}`.trim();
      // The fence is longer than any run of backticks inside, so that no value can close it.
      const fence = '`'.repeat(Math.max(3, ...[...rows.matchAll(/`+/g)].map(([run]) => run.length + 1)));
      return `\n**${cell(title)}**: ${cell(result.message)}\n\n${fence}json\n${rows}\n${fence}\n`;
    })
    .join('');
}

/**
 * The report as Markdown for a pull request comment or a step summary. Holds no time and no run id: the same findings
 * give the same text, so that a comment can be updated in place.
 */
export function renderChecksMarkdown(report: CheckReport): string {
  const head = ['', 'level', 'check', 'grain', 'value', 'threshold'];
  const lines = renderChecksTable(report).map((row) => [
    MARKS[row.level],
    row.level,
    `${row.check}@${row.version}`,
    row.grain,
    row.value,
    row.threshold,
  ]);
  const version = report.ledger_version === null ? '' : ` (ledger version ${report.ledger_version})`;
  const storage = report.storage_failure === null ? '' : `\nNot stored: ${cell(report.storage_failure.message)}\n`;
  const body = lines.length === 0 ? '' : `\n${table([head, head.map(() => '---'), ...lines])}\n`;
  const samples = report.checks.map(samplesOf).join('');
  return `### Ledger checks\n\n${verdict(report)}${version}\n${storage}${body}${samples}`;
}
