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
interface RunFlags {
  readonly date: string | undefined;
  readonly 'full-refresh': boolean;
  readonly rerun: boolean;
  readonly 'max-files': number | undefined;
}

/** What a request for a run needs of an invocation. */
type RunInvocation = Pick<Invocation, 'config' | 'io' | 'log'> & { readonly options: RunFlags };

/** What `ingest` and `plan` ask the lake for. `next` is looked up in the lake. Throws a usage error for what is no date. */
export async function ingestRequest(
  invocation: RunInvocation,
  sources: readonly ResolvedSource[],
  lake: Lake,
): Promise<IngestRequest> {
  const { options, config } = invocation;
  const { time_zone: timeZone = 'UTC', environment } = config?.values ?? {};
  const request = {
    sources,
    timeZone,
    ...(environment === undefined ? {} : { environment }),
    ...(options['full-refresh'] ? { fullRefresh: true } : {}),
    ...(options.rerun ? { rerun: true } : {}),
    ...(options['max-files'] === undefined ? {} : { maxFiles: options['max-files'] }),
  };
  if (options.date === undefined) return request;
  const { parseDateWord } = await import('../ingest/dates/date-words.js');
  const date = parseDateWord(options.date, { flag: '--date', timeZone, now: Date.now() });
  return date === 'next' ? nextRequest(invocation, request, lake) : { ...request, date };
}

/** The request for the date that the group of the sources has to run next, and those of them that have to run it: none when it is in the future. */
async function nextRequest(invocation: RunInvocation, request: IngestRequest, lake: Lake): Promise<IngestRequest> {
  if (invocation.config === undefined) {
    throw usageError('--date next needs a configuration with sources', { hint: 'name the date: --date 2026-03-31' });
  }
  const { dateSettings } = await import('./date-settings.js');
  const { dateIn } = await import('../ingest/dates/date-words.js');
  const { requireNextDate } = await import('../ingest/dates/plan-dates.js');
  const { policies, timeZone } = await dateSettings(invocation);
  const names = new Set(request.sources.map(({ name }) => name));
  const groups = new Set(policies.flatMap(({ name, group }) => (names.has(name) ? [group] : [])));
  // Those of the group that are not run now hold it back all the same.
  const dates = await lake.discoverNextBusinessDate(policies.filter(({ group }) => groups.has(group)));
  const { date, sources } = requireNextDate(dates);
  const today = dateIn(timeZone, Date.now());
  if (date > today) {
    invocation.log.note(`the next business date is ${date}, and today is ${today}: there is nothing to run yet`);
    return { ...request, date, sources: [] };
  }
  const wanted = request.sources.filter(({ name }) => sources.includes(name));
  if (wanted.length === 0) invocation.log.note(`${date} is next, and waits for ${sources.join(', ')}`);
  return { ...request, date, sources: wanted };
}
