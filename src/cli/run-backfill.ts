import { EXIT, type ExitCode, LakeError } from '../base/lake-error.js';
import type { ResolvedSource } from '../ingest/config/source-config.js';
import type { BackfillDate } from '../ingest/dates/plan-backfill.js';
import type { IngestRequest, IngestResult, SourceResult } from '../ingest/result.js';
import type { Lake } from '../lake.js';
import { ingestExitCode } from './ingest-report.js';
import type { Log } from './log.js';

/** What became of one source on one date; the keys are those of the command line. */
export interface DateOutcome {
  readonly date: string;
  readonly source: string;
  /** How it stood before. */
  readonly before: string;
  /** `not_run`: the source had to stop on an earlier date. */
  readonly status: 'planned' | 'not_run' | SourceResult['status'];
  /** Files and tables that were loaded. */
  readonly files: number;
  readonly rows: number;
  /** Why it was skipped or failed. */
  readonly reason: string | null;
  readonly error_code: string | null;
  readonly run_id: string | null;
}

/** What a backfill came to. */
export interface BackfillResult {
  readonly outcomes: readonly DateOutcome[];
  readonly exitCode: ExitCode;
}

export interface BackfillWork {
  readonly plan: readonly BackfillDate[];
  /** Every source of the plan. */
  readonly sources: readonly ResolvedSource[];
  /** What every date is asked with. */
  readonly request: Omit<IngestRequest, 'sources' | 'date'>;
  readonly log: Log;
}

/** What came of one date. */
type DateEnd = { readonly result: IngestResult } | { readonly error: LakeError };

/** The outcomes of a date on which nothing was done. */
export function untried({ date, sources }: BackfillDate, status: 'planned' | 'not_run'): DateOutcome[] {
  return sources.map(({ source, before }) => ({
    date,
    source,
    before,
    status,
    files: 0,
    rows: 0,
    reason: null,
    error_code: null,
    run_id: null,
  }));
}

/**
 * Ingests one date after the other. A source with a file that fails goes on with its next date; one that cannot be worked on at all stops there,
 * and the others go on. Rejects when it is interrupted: what is done stays, and the same command goes on.
 */
export async function runBackfill(lake: Lake, { plan, sources, request, log }: BackfillWork): Promise<BackfillResult> {
  const outcomes: DateOutcome[] = [];
  const codes: ExitCode[] = [];
  const stopped = new Set<string>();
  for (const [i, one] of plan.entries()) {
    request.signal?.throwIfAborted();
    const live = one.sources.filter(({ source }) => !stopped.has(source));
    log.note(`${i + 1}/${plan.length}  ${planLine({ ...one, sources: live })}`);
    const asked = sources.filter(({ name }) => live.some(({ source }) => source === name));
    const end = asked.length === 0 ? undefined : await ingestDate(lake, { ...request, sources: asked, date: one.date });
    outcomes.push(
      ...untried(one, 'not_run').map((none) => outcomeOf(none, stopped.has(none.source) ? undefined : end)),
    );
    if (end === undefined) continue;
    codes.push('error' in end ? end.error.exitCode : ingestExitCode(end.result));
    for (const warning of 'error' in end ? [] : end.result.warnings) log.warn(warning);
    for (const { source, error } of wholeFailures(end, asked, one.date)) {
      stopped.add(source);
      log.error(error);
    }
  }
  return { outcomes, exitCode: worst(codes) };
}

/** Ingests a date. The error of a source that is alone is thrown by the lake; what nobody can understand goes through. */
async function ingestDate(lake: Lake, request: IngestRequest): Promise<DateEnd> {
  try {
    return { result: await lake.ingest(request) };
  } catch (error) {
    if (!(error instanceof LakeError) || request.signal?.aborted === true) throw error;
    return { error };
  }
}

/** The sources that could not be worked on at all. */
function wholeFailures(
  end: DateEnd,
  asked: readonly ResolvedSource[],
  date: string,
): readonly { readonly source: string; readonly error: LakeError }[] {
  if ('error' in end) return asked.map(({ name }) => ({ source: name, error: end.error }));
  return end.result.sources.flatMap(({ source, error, error_code, hint, exit_code }) => {
    if (error === null) return [];
    const more = { place: `${source}:${date}`, exitCode: exit_code, ...(hint === null ? {} : { hint }) };
    return [{ source, error: new LakeError(error_code ?? 'INGEST', error, more) }];
  });
}

/** `2026-03-02  orders (missing), stock (failed)` */
function planLine({ date, sources }: BackfillDate): string {
  return `${date}  ${sources.map(({ source, before }) => `${source} (${before})`).join(', ') || 'no source is left'}`;
}

function outcomeOf(none: DateOutcome, end: DateEnd | undefined): DateOutcome {
  if (end === undefined) return none;
  if ('error' in end) {
    return { ...none, status: 'failed', reason: end.error.message, error_code: end.error.code };
  }
  const { files, sources, run_id } = end.result;
  const own = files.filter(({ source }) => source === none.source);
  const found = sources.find(({ source }) => source === none.source);
  if (found === undefined) return none;
  const failed = own.find(({ error }) => error !== null);
  return {
    ...none,
    status: found.status,
    files: own.filter(({ version }) => version !== null).length,
    rows: found.rows,
    reason: found.error ?? failed?.error ?? found.reason ?? quietReason(found, own.length),
    error_code: found.error_code ?? failed?.error_code ?? null,
    run_id,
  };
}

/** Why nothing was done, where nobody said. */
function quietReason({ status }: SourceResult, files: number): string | null {
  if (status !== 'skipped') return null;
  return files === 0 ? 'there is nothing of that date' : 'everything of that date is in already';
}

/** What a scheduler has to know first: that the tool could not work, that it has to wait, that the configuration is wrong. */
const BY_WEIGHT: readonly ExitCode[] = [EXIT.tool, EXIT.locked, EXIT.usage, EXIT.drift, EXIT.data];

function worst(codes: readonly ExitCode[]): ExitCode {
  return BY_WEIGHT.find((code) => codes.includes(code)) ?? EXIT.ok;
}
