import type { RetentionOutcome } from '../ingest/manage/apply-retention.js';
import type { RetentionItem, RetentionPlan } from '../ingest/manage/retention.js';
import type { Invocation } from './invocation.js';
import { byteText, countText } from './render/amounts.js';
import { escapeControls } from './render/cells.js';
import type { RowStyle } from './render/row-types.js';
import { fieldLines, rowsOf, writeObject } from './results.js';

/** Files of one kind that a person is shown; the other formats have all. */
const SHOWN = 20;
const COLUMNS = ['kind', 'source', 'path', 'file_sha', 'size', 'age_days', 'outcome', 'reason'];

interface Row {
  readonly kind: string;
  readonly source: string;
  readonly path: string;
  readonly file_sha: string | null;
  readonly size: number;
  readonly age_days: number;
  readonly outcome: string;
  readonly reason: string | null;
}

/** What a retention found, and did unless it was a dry run. */
export interface RetentionRun {
  readonly plan: RetentionPlan;
  /** Undefined when nothing was changed. */
  readonly outcomes: readonly RetentionOutcome[] | undefined;
  readonly olderThanDays: number;
  readonly archive: string | undefined;
}

function rowOf(item: RetentionItem, outcome: string, reason: string | null): Row {
  const { kind, source, path, sha, size, ageDays } = item;
  return { kind, source, path, file_sha: sha, size, age_days: ageDays, outcome, reason };
}

function rowsOfRun({ plan, outcomes, archive }: RetentionRun): readonly Row[] {
  if (outcomes !== undefined) {
    return outcomes.map(({ item, outcome, error }) => rowOf(item, outcome, error?.message ?? item.refused));
  }
  const planned = archive === undefined ? 'would delete' : 'would archive';
  return plan.items.map((item) => rowOf(item, item.refused === null ? planned : 'refused', item.refused));
}

/** Writes a retention to every output of the invocation; the result is how many files could not be moved. */
export async function reportRetention(invocation: Invocation, run: RetentionRun): Promise<number> {
  const files = rowsOfRun(run);
  const count = (outcome: string) => files.filter((row) => row.outcome === outcome).length;
  const gone = files.filter((row) => row.outcome !== 'refused' && row.outcome !== 'failed');
  const value = {
    dry_run: run.outcomes === undefined,
    older_than_days: run.olderThanDays,
    action: run.archive === undefined ? 'delete' : 'archive',
    archive: run.archive ?? null,
    due: gone.length,
    bytes: gone.reduce((sum, row) => sum + row.size, 0),
    refused: count('refused'),
    failed: count('failed'),
    young: run.plan.young,
    files,
  };
  await writeObject(invocation, {
    value,
    text: (style) => retentionText(run, files, style),
    rows: rowsOf(files, COLUMNS),
  });
  return value.failed;
}

function retentionText(run: RetentionRun, files: readonly Row[], style: RowStyle): string {
  const gone = files.filter((row) => row.outcome !== 'refused' && row.outcome !== 'failed');
  const bytes = gone.reduce((sum, row) => sum + row.size, 0);
  const refused = files.filter((row) => row.outcome === 'refused');
  const failed = files.filter((row) => row.outcome === 'failed');
  const isDry = run.outcomes === undefined;
  const verb = run.archive === undefined ? 'delete' : 'archive';
  const facts = fieldLines(
    {
      [isDry ? `would ${verb}` : `${verb}d`]: `${countText(gone.length, 'file')}, ${byteText(bytes)}`,
      refused: countText(refused.length, 'file'),
      ...(failed.length > 0 ? { failed: countText(failed.length, 'file') } : {}),
      younger: `${countText(run.plan.young, 'file')} of ${countText(run.olderThanDays, 'day')} or less`,
      ...(run.archive === undefined ? {} : { archive: run.archive }),
      ...(isDry ? { 'dry run': 'nothing was changed' } : {}),
    },
    style,
  );
  return [
    facts,
    section(isDry ? `would ${verb}` : `${verb}d`, gone),
    section('refused', refused),
    section('failed', failed),
  ].join('');
}

function section(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const lines = rows.slice(0, SHOWN).map(({ path, reason, age_days: age }) => {
    return `  ${escapeControls(path)}  (${reason === null ? countText(age, 'day') : escapeControls(reason)})\n`;
  });
  const more = rows.length > SHOWN ? `  … and ${rows.length - SHOWN} more; -o csv lists all\n` : '';
  return `\n${title}\n${lines.join('')}${more}`;
}
