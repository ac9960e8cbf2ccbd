import { randomUUID } from 'node:crypto';
import { usageError } from '../../base/lake-error.js';
import type { CheckReport, FailOn } from '../../checks/index.js';
import { defineCommand } from '../command.js';
import { ROW_FORMATS } from '../global-options.js';
import type { Invocation } from '../invocation.js';
import type { OutputTarget } from '../output-target.js';
import { escapeControls } from '../render/cells.js';
import { paints, statusPaint } from '../render/colors.js';
import { rowWriter } from '../render/row-writer.js';
import { plainNumbers, rowStyle, rowsOf, withSink } from '../results.js';
import { settingsOptions } from '../settings-options.js';
import type { Sink } from '../sink.js';
import { withLake } from '../with-lake.js';

/** Characters of a sample row in the table output. */
const SAMPLE_WIDTH = 150;

export const checkRunCommand = defineCommand({
  path: ['check', 'run'],
  summary: 'Run checks over the lake and keep every measured value in metadata.check_result',
  arguments: { checks: { describe: 'Names, or name@version (default: all, newest versions)', many: true } },
  options: {
    select: { type: 'list', value: 'NAME', describe: 'The same as an argument' },
    tag: { type: 'list', value: 'TAG', describe: 'Only checks with this tag' },
    param: { type: 'list', value: 'NAME=VALUE', describe: 'Value of a parameter of the checks' },
    'fail-on': settingsOptions['fail-on'],
    'at-version': { type: 'integer', value: 'N', describe: 'Judge the ledger as it was at this version' },
    checks: settingsOptions.checks,
  },
  formats: [...ROW_FORMATS, 'junit', 'github'],
  manyOutputs: true,
  examples: [
    { command: 'lakeledger check run --fail-on never', comment: 'all of them' },
    { command: 'lakeledger check run duplicate_shas -o github -o junit=checks.xml', comment: 'in a CI job' },
  ],
  async run(invocation) {
    const { options, log } = invocation;
    const checks = await import('../../checks/index.js');
    const selected = checks.selectChecks(checks.loadChecks(options.checks), {
      select: [...invocation.arguments.checks, ...options.select],
      tag: options.tag,
    });
    const params = Object.fromEntries(options.param.map(readParam));
    const report = await withLake(invocation, (lake) =>
      lake.check({
        checks: selected,
        runId: randomUUID(),
        params,
        ...(options['at-version'] === undefined ? {} : { atVersion: options['at-version'] }),
      }),
    );
    for (const target of invocation.outputs) {
      await withSink(invocation, target, (sink) => writeReport(invocation, { report, target, sink }));
    }
    for (const { name, version, failure } of report.checks) {
      if (failure !== null)
        log.warn(
          `${name}@${version} could not run: ${failure.message}${failure.place === null ? '' : ` (${failure.place})`}`,
        );
    }
    if (report.storage_failure !== null) log.warn(`the results are not kept: ${report.storage_failure.message}`);
    return checks.exitCodeFor(report, options['fail-on'] as FailOn);
  },
});

function readParam(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw usageError(`--param is NAME=VALUE, not "${text}"`, { hint: '--param hours=48' });
  return [text.slice(0, at), text.slice(at + 1)];
}

interface Writing {
  readonly report: CheckReport;
  readonly target: OutputTarget;
  readonly sink: Sink;
}

async function writeReport(invocation: Invocation, { report, target, sink }: Writing): Promise<void> {
  const checks = await import('../../checks/index.js');
  switch (target.format) {
    case 'json':
      return sink.write(`${JSON.stringify(report, plainNumbers, 2)}\n`);
    case 'junit':
      return sink.write(checks.renderJunit(report));
    case 'github':
      return sink.write(checks.renderGithub(report));
    case 'markdown':
      return sink.write(checks.renderChecksMarkdown(report));
  }
  const style = rowStyle(invocation, target);
  const { columns, rows } = target.format === 'table' ? rowsOf(checks.renderChecksTable(report)) : resultRows(report);
  const writer = rowWriter(target.format, sink, style);
  await writer.begin(columns);
  await writer.rows(rows);
  await writer.end();
  if (target.format === 'table') await sink.write(conclusion(report, checks.verdict(report), style.color));
}

/** One row a result, for csv and ndjson. */
function resultRows(report: CheckReport): ReturnType<typeof rowsOf> {
  const rows = report.checks.flatMap((check) => {
    const { name, version, level, duration_ms, failure } = check;
    if (failure !== null) return [{ check: name, version, level, message: failure.message, duration_ms }];
    return check.results.map((result) => ({
      check: name,
      version,
      grain: result.grain,
      value: result.value,
      level: result.level,
      threshold: result.threshold,
      message: result.message,
      duration_ms,
    }));
  });
  return rowsOf(rows, ['check', 'version', 'grain', 'value', 'level', 'threshold', 'message', 'duration_ms']);
}

/** What a person wants to know below the table: the sentence, and rows that show what is wrong. */
/** As much of a sample row as fits a line of a log; `-o json` has it whole. */
function sampleLine(sample: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(sample).filter(([name, value]) => value !== null && name !== 'meta');
  const text = parts
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value, plainNumbers)}`)
    .join('  ');
  return escapeControls(text.length > SAMPLE_WIDTH ? `${text.slice(0, SAMPLE_WIDTH - 1)}…` : text);
}

function conclusion(report: CheckReport, verdict: string, color: boolean): string {
  const paint = paints(color);
  const lines = report.checks.flatMap((check) => {
    const bad = check.results.filter((result) => result.level !== 'pass' && result.samples.length > 0);
    const samples = bad.flatMap((result) => result.samples).slice(0, 3);
    if (samples.length === 0) return [];
    const title = `${statusPaint(paint, check.level)(check.level)} ${check.name}@${check.version}: ${check.title}`;
    return ['', title, ...samples.map((sample) => `  ${sampleLine(sample)}`)];
  });
  return `${['', verdict, ...lines].join('\n')}\n`;
}
