import type { LakeError } from '../../base/lake-error.js';
import type { RunError, RunOutput } from '../../ledger/runs/run-manifest.js';
import type { ResolvedSource } from '../config/source-config.js';
import type { FileResult } from '../result.js';

/** What a run came to for one business date. */
export interface DateOutcome {
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly status: 'success' | 'failed' | 'skipped';
  readonly errors: readonly RunError[];
  readonly outputs: Readonly<Record<string, RunOutput>>;
  /** Whether it is news: something was loaded, or failed. */
  readonly touched: boolean;
}

const QUIET: ReadonlySet<string> = new Set(['same_bytes_same_path', 'same_bytes_new_path']);

/** Whether a file is in: it was loaded now or before, or its bytes are there under another name. */
function isIn({ error, version, decision, rule }: FileResult): boolean {
  return error === null && (version !== null || (decision === 'skip' && QUIET.has(rule)));
}

function outputsOf(files: readonly FileResult[]): Record<string, RunOutput> {
  const loaded = files.filter(({ version, error }) => version !== null && error === null);
  return Object.fromEntries(
    loaded.map(({ path, target, version, rows, bytes, file_sha, checksum }) => [
      path,
      { target, version, rows, bytes, file_sha, ...(checksum === null ? {} : { fingerprint: checksum }) },
    ]),
  );
}

function errorsOf(files: readonly FileResult[]): RunError[] {
  return files.flatMap(({ path, error, error_code: code, reason }) => {
    if (error !== null) return [{ code: code ?? 'INGEST', message: error, place: path }];
    return [{ code: 'NOT_LOADED', message: reason, place: path }];
  });
}

function outcomeOf(date: string, files: readonly FileResult[]): DateOutcome {
  const failed = files.filter(({ error }) => error !== null);
  const missing = files.filter((file) => !isIn(file));
  const loaded = files.some(({ version }) => version !== null);
  return {
    date,
    status: missing.length === 0 ? 'success' : failed.length > 0 || loaded ? 'failed' : 'skipped',
    errors: errorsOf(missing.filter((file) => file.error !== null || loaded || failed.length > 0)),
    outputs: outputsOf(files),
    touched: loaded || failed.length > 0,
  };
}

/**
 * What a run over files came to, by business date: those of its files where they have one, else the date of the run. A date is a success
 * when every file of it that is there is in.
 */
export function fileOutcomes(
  source: ResolvedSource,
  runDate: string,
  files: readonly FileResult[],
): readonly DateOutcome[] {
  const dated = new Map<string, FileResult[]>();
  for (const file of files) {
    const date = file.business_date ?? (source.businessDate === undefined ? runDate : undefined);
    if (date !== undefined) dated.set(date, [...(dated.get(date) ?? []), file]);
  }
  const outcomes = [...dated].map(([date, some]) => outcomeOf(date, some)).sort((a, b) => (a.date < b.date ? -1 : 1));
  if (source.businessDate !== undefined || source.daily) return outcomes;
  // Without dates, a run that found nothing new says nothing about its day.
  return outcomes.map((one) => (one.touched || one.status !== 'success' ? one : { ...one, status: 'skipped' }));
}

/** What a run over a table came to. */
export function tableOutcome(date: string, file: FileResult): DateOutcome {
  const failed = file.error !== null;
  return {
    date,
    status: failed ? 'failed' : 'success',
    errors: failed ? errorsOf([file]) : [],
    outputs: failed
      ? {}
      : {
          [file.path]: {
            target: file.target,
            version: file.version,
            rows: file.rows,
            bytes: file.bytes,
            ...(file.version === null ? {} : { file_sha: file.file_sha }),
            fingerprint: file.checksum,
          },
        },
    touched: true,
  };
}

/** What a run came to that could not be done. */
export function failedOutcome(date: string, error: LakeError): DateOutcome {
  const { code, message, place = null } = error;
  return { date, status: 'failed', errors: [{ code, message, place }], outputs: {}, touched: true };
}
