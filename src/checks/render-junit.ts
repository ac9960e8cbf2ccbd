import { grainText, shownThreshold } from './render-table.js';
import type { CheckOutcome, CheckReport, CheckResult } from './report.js';

/** Everything outside XML 1.0's `Char` production; lone surrogates included (the flag `u` pairs the others). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF\u{D800}-\u{DFFF}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

function xml(text: string): string {
  return text.replaceAll(NOT_XML, '\uFFFD').replaceAll(/[&<>"\t\n\r]/g, (char) => ENTITIES[char] ?? char);
}

function attributes(values: Readonly<Record<string, string | number | null>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ` ${name}="${xml(String(value))}"`)
    .join('');
}

function properties(check: CheckOutcome, result: CheckResult | undefined): string {
  const values = {
    version: check.version,
    value: result?.value ?? null,
    warn: check.warn,
    error: check.error,
    sql_sha256: check.sql_sha256,
  };
  const lines = Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [`        <property${attributes({ name, value })}/>`],
  );
  return `      <properties>\n${lines.join('\n')}\n      </properties>`;
}

function sampleText(result: CheckResult): string {
  return result.samples
    .slice(0, 5)
    .map((row) => `\n${JSON.stringify(row)}`)
    .join('');
}

function outcome(check: CheckOutcome, result: CheckResult | undefined): string {
  if (check.failure !== null) {
    return `\n      <error${attributes({ type: check.failure.code, message: check.failure.message })}/>`;
  }
  if (result === undefined || result.level === 'pass') return '';
  const text = xml(`${shownThreshold(check, result)}${sampleText(result)}`);
  if (result.level === 'warn') return `\n      <system-out>${xml(`warn: ${result.message}`)}&#10;${text}</system-out>`;
  return `\n      <failure${attributes({ type: 'error', message: result.message })}>${text}</failure>`;
}

function testCase(check: CheckOutcome, result: CheckResult | undefined): string {
  const grain = result === undefined ? '' : grainText(result.grain);
  const head = attributes({
    classname: `checks.${check.name}`,
    name: grain === '' ? check.name : `${check.name}[${grain}]`,
    file: check.file,
    time: check.duration_ms / 1000 / Math.max(1, check.results.length),
  });
  return `    <testcase${head}>\n${properties(check, result)}${outcome(check, result)}\n    </testcase>`;
}

function testSuite(check: CheckOutcome): string {
  const cases = check.failure === null ? check.results.map((r) => testCase(check, r)) : [testCase(check, undefined)];
  const counts = attributes({
    name: `${check.name}@${check.version}`,
    tests: cases.length,
    failures: check.results.filter((result) => result.level === 'error').length,
    errors: check.failure === null ? 0 : 1,
    time: check.duration_ms / 1000,
    timestamp: check.started_at,
  });
  return `  <testsuite${counts}>\n${cases.join('\n')}\n  </testsuite>`;
}

/**
 * The report as JUnit XML: a suite per check, a test case per grain. Error is a `<failure>`, a check that could not be
 * evaluated an `<error>`; a warning passes and says so in `<system-out>`.
 */
export function renderJunit(report: CheckReport): string {
  const results = report.checks.flatMap((check) => check.results);
  const errors = report.totals.failed_to_run;
  const totals = attributes({
    name: 'lakeledger check',
    tests: results.length + errors,
    failures: results.filter((result) => result.level === 'error').length,
    errors,
  });
  const suites = report.checks.map((check) => `${testSuite(check)}\n`).join('');
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${totals}>\n${suites}</testsuites>\n`;
}
