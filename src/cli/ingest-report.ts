import { EXIT, type ExitCode, LakeError } from '../base/lake-error.js';
import type { FileResult, IngestResult, PlanResult, RowDiff } from '../ingest/result.js';
import type { Invocation } from './invocation.js';
import { byteText, countText } from './render/amounts.js';
import { escapeControls } from './render/cells.js';
import { paints } from './render/colors.js';
import type { RowStyle } from './render/row-types.js';
import { renderTable } from './render/table.js';
import { fieldLines, rowsOf, writeObject } from './results.js';

/** Files of one kind that a person is shown; `-o json` has all. */
const SHOWN = 20;
/** Characters of a sha that people compare. */
const SHORT_SHA = 10;

const FILE_COLUMNS = [
  ...['source', 'target', 'path', 'file_sha', 'decision', 'rule', 'reason', 'status', 'rows', 'error', 'error_code'],
  ...['rejected', 'rescued', 'attempt', 'next_retry_at', 'version', 'bytes', 'duration_ms'],
];
const PLAN_COLUMNS = [
  ...['source', 'target', 'path', 'file_sha', 'size', 'business_date', 'decision', 'rule', 'reason'],
];

/** Writes what a run did to every output of the invocation, and returns the exit code. */
export async function reportIngest(invocation: Invocation, result: IngestResult): Promise<ExitCode> {
  for (const warning of result.warnings) invocation.log.warn(warning);
  for (const { source, error, error_code, hint, exit_code } of result.sources) {
    if (error === null) continue;
    const more = { place: `source ${source}`, exitCode: exit_code, ...(hint === null ? {} : { hint }) };
    invocation.log.error(new LakeError(error_code ?? 'INGEST', error, more));
  }
  await writeObject(invocation, {
    value: result,
    text: (style) => ingestText(result, style),
    rows: rowsOf(result.files, FILE_COLUMNS),
  });
  return ingestExitCode(result);
}

/** Of sources that could not be worked on, what is worst comes first. */
const BY_WEIGHT: readonly ExitCode[] = [EXIT.tool, EXIT.locked, EXIT.usage, EXIT.drift, EXIT.data];

/** That of the sources that could not be worked on; else 4 when a schema that is frozen stopped a file, else 1 when a file failed. */
export function ingestExitCode({ files, failed, sources }: IngestResult): ExitCode {
  const worst = BY_WEIGHT.find((code) => sources.some(({ exit_code }) => exit_code === code));
  if (worst !== undefined) return worst;
  if (files.some((file) => isFailure(file) && file.error_code === 'SCHEMA_DRIFT')) return EXIT.drift;
  return failed > 0 ? EXIT.data : EXIT.ok;
}

/** A file that is left alone because it failed before has no error of this run. */
function isFailure(file: FileResult): boolean {
  return file.error !== null;
}

/** What a run did, for people. */
export function ingestText(result: IngestResult, style: RowStyle): string {
  const { processed, skipped, failed, rows, rejected } = result;
  const rescued = result.files.reduce((sum, file) => sum + file.rescued, 0);
  const facts = {
    processed,
    skipped,
    failed,
    rows,
    ...(rejected > 0 ? { rejected } : {}),
    ...(rescued > 0 ? { rescued } : {}),
    read: byteText(result.bytes),
    run: result.run_id,
    took: `${(result.duration_ms / 1000).toFixed(2)} s`,
    ...(result.dry_run ? { 'dry run': 'nothing was written' } : {}),
  };
  return [
    fieldLines(facts, style),
    sourcesText(result, style),
    failuresText(result, style),
    waitingText(result, style),
    correctionsText(result, style),
    notesText(result, style),
  ].join('');
}

/** A row for each source, when there are several or one was skipped. */
function sourcesText({ files, sources }: IngestResult, style: RowStyle): string {
  const names = [...new Set([...sources, ...files].map(({ source }) => source))];
  const whys = sources.some(({ error, reason }) => (error ?? reason) !== null);
  const shown = names.map((name) => {
    const own = files.filter(({ source }) => source === name);
    const result = sources.find(({ source }) => source === name);
    const failed = own.filter(isFailure).length;
    const processed = own.filter((file) => !isFailure(file) && isLoaded(file)).length;
    return {
      source: name,
      target: result?.target ?? own[0]?.target,
      ...(result === undefined ? {} : { date: result.date, status: result.status }),
      processed,
      skipped: own.length - failed - processed,
      failed,
      rows: own.reduce((sum, { rows }) => sum + rows, 0),
      ...(whys ? { why: result?.error ?? result?.reason ?? '' } : {}),
    };
  });
  if (shown.length < 2 && !sources.some(({ reason }) => reason !== null)) return '';
  const { columns, rows } = rowsOf(shown);
  return `\n${renderTable(columns, rows, style)}`;
}

function isLoaded({ decision }: FileResult): boolean {
  return decision === 'load' || decision === 'replace' || decision === 'append';
}

function failuresText({ files }: IngestResult, style: RowStyle): string {
  const paint = paints(style.color);
  return section('failed files', {
    files: files.filter(isFailure),
    style,
    lines: (file) => [
      `${escapeControls(file.path)}  ${paint.red(escapeControls(errorBeside(file.path, file.error ?? '')))}`,
      ...(file.next_retry_at === null
        ? []
        : [`  ${paint.dim('again:')} ${file.next_retry_at}, or lakeledger retry --all`]),
      ...(file.hint === null ? [] : [`  ${paint.dim('try:')} ${escapeControls(file.hint)}`]),
    ],
  });
}

/** The error of a file without the path that stands beside it anyway. */
export function errorBeside(path: string, error: string): string {
  return error.startsWith(`${path}: `) ? error.slice(path.length + 2) : error;
}

/** Files that are neither loaded nor known to be in: somebody has to do something, or wait. */
function waitingText({ files }: IngestResult, style: RowStyle): string {
  const quiet = new Set(['same_bytes_same_path', 'same_bytes_new_path', 'incremental_load', 'date_succeeded']);
  const waiting = files.filter((file) => !isFailure(file) && !isLoaded(file) && !quiet.has(file.rule));
  return section('not loaded', {
    files: waiting,
    style,
    lines: (file) => [`${escapeControls(file.path)}  ${escapeControls(file.reason)}`],
  });
}

function correctionsText({ files }: IngestResult, style: RowStyle): string {
  return section('corrections', {
    files: files.filter((file) => file.diff !== null && !isFailure(file)),
    style,
    lines: (file) => [`${escapeControls(file.path)}  ${file.diff === null ? '' : diffText(file.diff)}`],
  });
}

/** `+12 −3 ~41` */
export function diffText({ added, removed, changed }: RowDiff): string {
  return `+${added} −${removed} ~${changed}`;
}

/** Notes of files, each once with how many files it is about. */
function notesText({ files }: IngestResult, style: RowStyle): string {
  const about = new Map<string, string[]>();
  for (const file of files) {
    for (const note of file.notes) about.set(note, [...(about.get(note) ?? []), file.path]);
  }
  const notes = [...about].map(([note, paths]) => ({ note, paths }));
  return section('notes', {
    files: notes,
    style,
    lines: ({ note, paths }) => [
      `${escapeControls(note)}  (${paths.length === 1 ? escapeControls(paths[0] ?? '') : countText(paths.length, 'file')})`,
    ],
  });
}

interface Section<T> {
  readonly files: readonly T[];
  readonly style: RowStyle;
  readonly lines: (file: T) => readonly string[];
}

function section<T>(title: string, { files, style, lines }: Section<T>): string {
  if (files.length === 0) return '';
  const more = files.length > SHOWN ? [`… and ${files.length - SHOWN} more; -o json lists them`] : [];
  const shown = [...files.slice(0, SHOWN).flatMap(lines), ...more];
  return `\n${paints(style.color).bold(title)}\n${shown.join('\n')}\n`;
}

/** Writes what `ingest` would do to every output of the invocation. */
export async function reportPlan(invocation: Invocation, plan: PlanResult): Promise<void> {
  for (const warning of plan.warnings) invocation.log.warn(warning);
  const counts = countDecisions(plan);
  await writeObject(invocation, {
    value: { counts, ...plan },
    text: (style) => planText(plan, style),
    rows: rowsOf(plan.files, PLAN_COLUMNS),
  });
}

function countDecisions({ files }: PlanResult): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { decision } of files) counts[decision] = (counts[decision] ?? 0) + 1;
  return counts;
}

/** What `ingest` would do, for people: a row per file, and the counts. */
export function planText(plan: PlanResult, style: RowStyle): string {
  const several = new Set(plan.files.map((file) => file.source)).size > 1;
  const shown = plan.files.map((file) => ({
    ...(several ? { source: file.source } : {}),
    path: file.path,
    sha: file.file_sha?.slice(0, SHORT_SHA) ?? '',
    decision: file.decision,
    rule: file.rule,
    reason: file.reason,
  }));
  const names = [...(several ? ['source'] : []), 'path', 'sha', 'decision', 'rule', 'reason'];
  const { columns, rows } = rowsOf(shown, names);
  const counts = Object.entries(countDecisions(plan)).map(
    ([decision, count]) => `${count.toLocaleString('en')} ${decision}`,
  );
  const table = plan.files.length === 0 ? '' : `${renderTable(columns, rows, style)}\n`;
  return `${table}${countText(plan.files.length, 'file')}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}\n`;
}
