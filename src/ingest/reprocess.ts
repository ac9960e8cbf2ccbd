import { randomUUID } from 'node:crypto';
import { utcDay } from '../base/clock.js';
import { usageError } from '../base/lake-error.js';
import { adHocSource, type ResolvedSource } from './config/source-config.js';
import type { IngestDeps } from './context.js';
import { Journal } from './events/journal.js';
import { type EventFilter, readFileEvents, readRelatedEvents } from './events/read-events.js';
import { ingest } from './ingest.js';
import { type FileEvent, UNTRIED } from './model.js';
import type { IngestResult, ReprocessRequest } from './result.js';

const DATED = /^(?<source>.+):(?<date>\d{4}-\d\d-\d\d)$/;
const SHA = /^[0-9a-f]{6,64}$/i;

/** What a selector may stand for. */
function filtersOf(selector: string): EventFilter[] {
  const dated = DATED.exec(selector)?.groups;
  if (dated !== undefined) return [{ source: dated['source'] ?? '', date: dated['date'] ?? '' }];
  const source = { source: selector };
  return [{ path: selector }, ...(SHA.test(selector) ? [{ sha: selector.toLowerCase() }] : []), source];
}

/** The newest contents of the files that a selector names, by source and path. Throws a usage error when there is none. */
async function selectFiles(deps: IngestDeps, request: ReprocessRequest): Promise<readonly FileEvent[]> {
  for (const filter of filtersOf(request.selector)) {
    const { events } = await readFileEvents(deps, filter);
    if (events.length === 0) continue;
    const files = new Map<string, FileEvent>();
    for (const event of events) files.set(`${event.source}\n${event.target}\n${event.path}`, event);
    return [...files.values()];
  }
  throw usageError(`"${request.selector}" is no path, sha or source:date that was ingested`, {
    hint: 'lakeledger events, or lakeledger explain with the name of the file',
  });
}

/** The sources that can read the files again: the configured ones, and for files that came without one their own place. */
function sourcesOf(request: ReprocessRequest, files: readonly FileEvent[]): readonly ResolvedSource[] {
  const wanted = new Set(files.map(({ source }) => source));
  const known = request.sources.filter(({ name }) => wanted.has(name));
  const adHoc = [...wanted]
    .filter((name) => !known.some((source) => source.name === name))
    .flatMap((name) => placesOf(name, files));
  const found = [...known, ...adHoc];
  const missing = [...wanted].filter((name) => !found.some((source) => source.name === name));
  if (missing.length === 0) return found.map((source) => withMode(source, request));
  throw usageError(`no source "${missing[0]}" is configured to read the files from`, {
    hint: 'give the files with --file and --into, or configure the source',
  });
}

/** A source of files that came without a configuration is named for its target, and knows them by absolute path. */
function placesOf(name: string, files: readonly FileEvent[]): ResolvedSource[] {
  const own = files.filter(({ source, target }) => source === name && target === name);
  return own.length === 0 ? [] : [adHocSource({ files: own.map(({ path }) => path), into: name, cwd: '/' })];
}

function withMode(source: ResolvedSource, { mode }: ReprocessRequest): ResolvedSource {
  return { ...source, correction: mode };
}

/**
 * Asks for files to be loaded again and loads them; the reason stays in the event log. Throws a usage error when the selector names nothing,
 * and what `ingest` throws.
 */
export async function reprocess(deps: IngestDeps, request: ReprocessRequest): Promise<IngestResult> {
  const runId = randomUUID();
  const actor = request.actor ?? 'unknown';
  const files = await selectFiles(deps, request);
  const table = files.find(({ detail }) => detail['extract'] !== undefined);
  if (table !== undefined) {
    throw usageError(`${table.path} is a table: what a run has read of it cannot be read again as it was`, {
      hint: `lakeledger ingest ${table.source} --rerun, with --full-refresh to read the whole table`,
    });
  }
  const sources = sourcesOf(request, files);
  const keys = new Set(files.map(({ source, path }) => `${source}\n${path}`));
  const only = ({ source, path }: { source: string; path: string }) => keys.has(`${source}\n${path}`);
  const at = { request, files, runId, actor };
  const asked: FileEvent[] = [];
  for (const target of new Set(files.map((file) => file.target))) {
    const own = files.filter((file) => file.target === target);
    const { events, version } = await readRelatedEvents(deps, { target, files: own });
    asked.push(...own.map((file) => askedEvent(file, { ...at, events, version })));
  }
  if (request.dryRun !== true) await ask(deps, { asked, runId, actor });
  return ingest(
    deps,
    {
      sources,
      runId,
      actor,
      only,
      ...(request.dryRun === undefined ? {} : { dryRun: request.dryRun }),
      ...(request.takeOver === undefined ? {} : { takeOver: request.takeOver }),
      ...(request.onFile === undefined ? {} : { onFile: request.onFile }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    { asked },
  );
}

async function ask(
  deps: IngestDeps,
  { asked, runId, actor }: { readonly asked: readonly FileEvent[]; readonly runId: string; readonly actor: string },
): Promise<void> {
  const ledger = await deps.openLedger();
  const ingestDate = utcDay(deps.clock.now());
  await new Journal({ ...deps, ledger, runId, actor, ingestDate }).write(asked);
}

/** The request to load what was delivered last at a path, be it loaded, held or failed. */
function askedEvent(
  file: FileEvent,
  at: {
    readonly request: ReprocessRequest;
    readonly runId: string;
    readonly events: readonly FileEvent[];
    readonly version: number;
  },
): FileEvent {
  const { request, runId, events, version } = at;
  const newest = events.findLast(
    ({ source, target, path }) => source === file.source && target === file.target && path === file.path,
  );
  const delivered = newest ?? file;
  const { gitSha, size, businessDate, schemaVersion } = delivered;
  return {
    ...delivered,
    ...UNTRIED,
    gitSha,
    size,
    businessDate,
    schemaVersion,
    status: 'PENDING',
    action: 'replace',
    rule: 'reprocess',
    reason: request.reason,
    seq: version,
    runId,
    reprocess: true,
    detail: { evidence: { selector: request.selector, mode: request.mode } },
  };
}
