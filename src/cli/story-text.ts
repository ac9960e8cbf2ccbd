import type { Decision } from '../ingest/model.js';
import type { FileStory, Story, StoryStep } from '../ingest/report/explain.js';
import { countText } from './render/amounts.js';
import { escapeControls } from './render/cells.js';
import { type Paints, paints, statusPaint } from './render/colors.js';
import type { RowStyle } from './render/row-types.js';

/** `2026-01-02 03:04:05` */
function timeText(at: string): string {
  return at.slice(0, 19).replace('T', ' ');
}

function shaText(sha: string): string {
  return sha.slice(0, 12);
}

const STATUS_WORDS: Readonly<Record<string, string>> = {
  INGESTED: 'loaded',
  REPROCESSED: 'loaded again',
  SKIPPED: 'skipped',
  QUARANTINED: 'held',
  FAILED: 'failed',
  RETRYING: 'failed, to be tried again',
  PROCESSING: 'begun, and no end is known',
  PENDING: 'waiting',
};

const ACTION_WORDS: Readonly<Record<Decision['action'], string>> = {
  load: 'it would be loaded',
  replace: 'it would be loaded in place of the rows that are there',
  append: 'its rows would be added to those that are there',
  skip: 'it would be skipped',
  hold: 'it would be held',
  wait: 'it would have to wait',
};

function happened(step: StoryStep): string {
  if (step.reprocess && step.status !== 'PROCESSING') return 'asked for again';
  const words = STATUS_WORDS[step.status] ?? step.status;
  const parts = [
    step.rows === null || step.rows === 0 ? words : `${words}, ${countText(step.rows, 'row')}`,
    ...(step.attempt > 1 ? [`try ${step.attempt}`] : []),
  ];
  return parts.join(', ');
}

/** What a decision rests on, without what is said of the file anyway. */
function evidenceText({ evidence, sha }: StoryStep, path: string): string {
  const said = new Set<unknown>([null, '', sha, path]);
  return Object.entries(evidence)
    .filter(([, value]) => !said.has(value))
    .map(
      ([name, value]) =>
        `${escapeControls(name)} ${/^[0-9a-f]{40,64}$/.test(String(value)) ? shaText(String(value)) : escapeControls(String(value))}`,
    )
    .join(', ');
}

function stepLines(step: StoryStep, path: string, paint: Paints): string[] {
  const colour = statusPaint(paint, step.status);
  const { diff, error, next_retry_at: due } = step;
  const evidence = evidenceText(step, path);
  return [
    `${paint.dim(timeText(step.at))}  ${shaText(step.sha)}  ${colour(happened(step))}`,
    `    because ${escapeControls(step.reason)} ${paint.dim(`[${step.rule}]`)}`,
    ...(error === null ? [] : [`    error: ${escapeControls(error)}`]),
    ...(due === null ? [] : [`    next try due ${timeText(due)}`]),
    ...(diff === null
      ? []
      : [`    compared with the rows before: ${diff.added} added, ${diff.removed} removed, ${diff.changed} changed`]),
    ...(evidence === '' ? [] : [paint.dim(`    evidence: ${evidence}`)]),
    paint.dim(`    run ${escapeControls(step.run_id)}`),
  ];
}

function nowLines({ now, target }: FileStory): string[] {
  const { loaded, held_under: owner, again } = now;
  const rows = loaded.map(({ sha, rows: count, loaded_at: at }) => {
    const amount =
      count === null ? `rows in ${target}, which is not there any more` : `${countText(count, 'row')} in ${target}`;
    return `now: ${amount}, of ${shaText(sha)} loaded ${timeText(at)}`;
  });
  const elsewhere =
    owner === null ? 'now: no rows in the target' : `now: no rows of its own; ${escapeControls(owner)} has its bytes`;
  return [
    ...(rows.length === 0 ? [elsewhere] : rows),
    again === null
      ? 'the next run reads the table anew'
      : `if it came again, ${ACTION_WORDS[again.action]}: ${escapeControls(again.reason)} [${again.rule}]`,
  ];
}

function fileLines(file: FileStory, paint: Paints): string[] {
  const date = file.business_date === null ? '' : `, business date ${file.business_date}`;
  // A try that has an end is told by its end.
  const told = file.steps.filter((step) => step.status !== 'PROCESSING' || step.open);
  return [
    paint.bold(escapeControls(file.path)),
    paint.dim(escapeControls(`${file.source} → ${file.target}${date}`)),
    ...told.flatMap((step) => stepLines(step, file.path, paint)),
    ...nowLines(file),
  ];
}

/** A story in words. */
export function storyText({ files }: Story, style: RowStyle): string {
  const paint = paints(style.color);
  return files.map((file) => `${fileLines(file, paint).join('\n')}\n`).join('\n');
}
