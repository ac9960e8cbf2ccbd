import type { BusinessDates, GroupDates, SourceDates } from '../ingest/dates/plan-dates.js';
import type { SourceStatus } from '../ingest/report/overview.js';
import { durationText } from './duration-text.js';
import { countText } from './render/amounts.js';
import { type Rows, rowsOf } from './results.js';

/** Gaps that a line names. */
const SHOWN_GAPS = 3;

/** One line per source; a count that is nothing is not shown, nor a column that no source has anything for. */
export function statusRows(all: readonly SourceStatus[]): Rows {
  const lines = all.map((status) => ({
    source: status.source,
    target: status.target,
    state: status.state,
    'last success': status.last_success === null ? 'never' : secondText(status.last_success),
    freshness: status.age_seconds === null ? null : durationText(status.age_seconds),
    'last date': status.last_date,
    'next date': nextText(status),
    gaps: gapsText(status),
    watermark: watermarkText(status.watermark),
    files: status.files,
    rows: status.rows,
    backlog: backlogText(status),
    'next retry': status.next_retry_at === null ? null : secondText(status.next_retry_at),
    'newest date': status.newest_business_date,
    lock: lockText(status.lock),
  }));
  const optional = ['last date', 'next date', 'gaps', 'watermark'] as const;
  const empty = optional.filter((name) => lines.every((line) => line[name] === null));
  const names = Object.keys(lines[0] ?? {}).filter((name) => !empty.some((one) => one === name));
  return rowsOf(lines, names);
}

/** `2026-03-02 06:00:00` */
function secondText(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

function nextText({ next_date: date, next_date_from: from, next_date_state: state }: SourceStatus): string | null {
  if (date === null) return from === 'unknown' ? 'unknown' : null;
  return state === 'missing' || state === null ? date : `${date} (${state})`;
}

/** `2: 2026-03-03, 2026-03-04` */
function gapsText({ gaps, gap_dates: dates }: SourceStatus): string | null {
  if (gaps === 0) return null;
  return `${gaps}: ${dates.slice(0, SHOWN_GAPS).join(', ')}${gaps > SHOWN_GAPS ? ', …' : ''}`;
}

function watermarkText(watermark: SourceStatus['watermark']): string | null {
  if (watermark === null || watermark.value === null) return null;
  const held = watermark.held_back === null ? '' : `, held back by ${watermark.held_back}`;
  return `${watermark.column} ${watermark.value}${held}`;
}

function backlogText(status: SourceStatus): string | null {
  const parts = [
    [status.waiting, 'to retry'],
    [status.failed, 'failed'],
    [status.dead_letter, 'dead letter'],
    [status.held, 'held'],
    [status.in_progress, 'begun'],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return told.length === 0 ? null : told.join(', ');
}

function lockText(lock: SourceStatus['lock']): string | null {
  if (lock === null) return null;
  const who = `run ${lock.run_id.slice(0, 8)}, process ${lock.pid} on ${lock.host}`;
  return lock.alive ? who : `${who} (dead)`;
}

/** A sentence for each group that one of `sources` is in: its next business date, and who it waits for. */
export function groupLines(
  { groups, sources: all }: BusinessDates,
  { sources, today }: { readonly sources: readonly SourceDates[]; readonly today: string },
): readonly string[] {
  const shown = groups.filter(({ group }) => sources.some((one) => one.enabled && one.group === group));
  return shown.map((one) => `${one.group}: ${groupText(one, all, today)}`);
}

function groupText({ next, unknown, heldBackBy, sources }: GroupDates, all: readonly SourceDates[], today: string) {
  if (next === null) {
    if (unknown.length === 0) return 'there is no business date any more';
    return `the next business date is not known; never succeeded, and without a start_date: ${unknown.join(', ')}`;
  }
  const date = `the next business date is ${next}${next > today ? ', which has not come yet' : ''}`;
  if (heldBackBy.length === sources.length) return date;
  const reasons = heldBackBy.map((name) => `${name} (${reasonText(all.find(({ source }) => source === name))})`);
  return `${date}; it is held back by ${reasons.join(', ')}`;
}

function reasonText(source: SourceDates | undefined): string {
  if (source === undefined) return '';
  const { why, last, gaps, nextState } = source;
  const failed = nextState === 'missing' || nextState === null ? '' : `, ${nextState}`;
  if (why === 'gap') return `${countText(gaps.length, 'gap')}${failed}`;
  return why === 'start' ? `it starts then${failed}` : `its last date is ${last}${failed}`;
}
