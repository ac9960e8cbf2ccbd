import { usageError } from '../base/lake-error.js';
import type { FileProgress } from '../base/progress.js';
import type { ResolvedSource } from '../ingest/config/source-config.js';
import type { FileResult, IngestRequest } from '../ingest/result.js';
import type { Lake } from '../lake.js';
import { errorBeside } from './ingest-report.js';
import type { Invocation } from './invocation.js';
import { withLake } from './with-lake.js';

/** How a command follows and stops work on files. */
type IngestHooks = Required<Pick<IngestRequest, 'signal' | 'onFile'>>;

/** Opens the lake for work on files that an interrupt can stop between two steps. */
export async function withIngestLake<T>(
  invocation: Invocation,
  work: (lake: Lake, hooks: IngestHooks) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const release = invocation.onInterrupt(() => stop.abort());
  const onFile = (file: FileResult) => invocation.progress.report(fileProgress(file));
  try {
    return await withLake(invocation, (lake) => work(lake, { signal: stop.signal, onFile }));
  } finally {
    release();
  }
}

function fileProgress({ path, status, rows, error, duration_ms: ms }: FileResult): FileProgress {
  return {
    phase: 'file',
    path,
    status: status ?? (error === null ? 'SKIPPED' : 'FAILED'),
    rows,
    error: error === null ? null : errorBeside(path, error),
    ms,
  };
}

/** The flags that `ingest` and `plan` share beside those of the sources. */
export interface RunFlags {
  readonly date: string | undefined;
  readonly 'full-refresh': boolean;
  readonly 'max-files': number | undefined;
}

/** What `ingest` and `plan` ask the lake for. */
export function ingestRequest(sources: readonly ResolvedSource[], flags: RunFlags): IngestRequest {
  const { date } = flags;
  if (date !== undefined && !isDay(date)) {
    throw usageError(`--date is YYYY-MM-DD, not "${date}"`, { hint: '--date 2026-03-31' });
  }
  return {
    sources,
    ...(date === undefined ? {} : { date }),
    ...(flags['full-refresh'] ? { fullRefresh: true } : {}),
    ...(flags['max-files'] === undefined ? {} : { maxFiles: flags['max-files'] }),
  };
}

function isDay(text: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
