import { usageError } from '../../base/lake-error.js';
import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import { type EventFilter, type ReadEventsDeps, readFileEvents, readRelatedEvents } from '../events/read-events.js';
import type { CorrectionPolicy, Decision, Evidence, FileEvent, RetryPolicy } from '../model.js';
import { decideFile } from '../plan/decide.js';
import { FileStates } from '../plan/state.js';
import { hasLineage } from '../verify/loaded-groups.js';

/** One thing that happened to a file. */
export interface StoryStep {
  readonly at: string;
  readonly run_id: string;
  readonly sha: string;
  readonly status: string;
  readonly action: string;
  readonly rule: string;
  readonly reason: string;
  readonly evidence: Evidence;
  readonly rows: number | null;
  readonly diff: { readonly added: number; readonly removed: number; readonly changed: number } | null;
  readonly attempt: number;
  readonly error: string | null;
  readonly next_retry_at: string | null;
  readonly reprocess: boolean;
  /** Whether it is a PROCESSING event that has no end. */
  readonly open: boolean;
}

/** Bytes of a file that are in the target. */
export interface StoryRows {
  readonly sha: string;
  /** Counted in the target; null when there is no such table. */
  readonly rows: number | null;
  readonly run_id: string;
  readonly loaded_at: string;
}

/** The story of one path of one source and target. */
export interface FileStory {
  readonly source: string;
  readonly target: string;
  readonly path: string;
  /** Of the last delivery. */
  readonly sha: string;
  readonly git_sha: string | null;
  readonly business_date: string | null;
  readonly steps: readonly StoryStep[];
  readonly now: {
    /** Its own rows in the target. */
    readonly loaded: readonly StoryRows[];
    /** The path whose rows hold its bytes, when it has none of its own. */
    readonly held_under: string | null;
    /** What would happen if the last delivery came again; null for a table, which is read anew. */
    readonly again: Decision | null;
  };
}

/** What happened to whatever a person asked about. */
export interface Story {
  readonly subject: string;
  readonly files: readonly FileStory[];
}

export interface ExplainRequest {
  /** A path, the beginning of a sha (SHA-256 or git), or `source:YYYY-MM-DD` (business or ingest date). */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How a source handles corrections and retries; defaults where it is not configured any more. */
  readonly policyOf?: (source: string) => { correction: CorrectionPolicy; retry: RetryPolicy } | undefined;
}

const DEFAULT_POLICY = {
  correction: 'replace' as const,
  retry: { maxAttempts: 3, baseDelayMs: 1000, maxDelayMs: 3_600_000 },
};
const SHA = /^[0-9a-f]{4,64}$/i;
const SOURCE_DATE = /^(.+):(\d{4}-\d{2}-\d{2})$/s;
/** Candidates that an ambiguous prefix is answered with. */
const SHOWN_CANDIDATES = 5;

/** The events that a subject names. Throws a usage error for the beginning of several shas. */
async function findSubject(deps: ReadEventsDeps, subject: string): Promise<readonly FileEvent[]> {
  const read = async (filter: EventFilter) => (await readFileEvents(deps, filter)).events;
  const exact = await read({ path: subject });
  if (exact.length > 0) return exact;
  const [, source, date] = SOURCE_DATE.exec(subject) ?? [];
  if (source !== undefined && date !== undefined) {
    const dated = await read({ source, date });
    if (dated.length > 0) return dated;
  }
  if (SHA.test(subject)) {
    const sha = subject.toLowerCase();
    const named = await read({ sha });
    assertOneContent(named, subject);
    if (named.length > 0) return named;
  }
  return read({ path: subject.replace(/^(\.\/)+/, ''), loosePath: true });
}

function assertOneContent(events: readonly FileEvent[], prefix: string): void {
  const paths = new Map(events.map(({ sha, path }) => [sha, path]));
  if (paths.size <= 1) return;
  const shown = [...paths].slice(0, SHOWN_CANDIDATES).map(([sha, path]) => `${sha.slice(0, 16)} (${path})`);
  const more = paths.size > shown.length ? `, … ${paths.size - shown.length} more` : '';
  throw usageError(`"${prefix}" begins the sha of ${paths.size} different contents`, {
    hint: `one of ${shown.join(', ')}${more}`,
  });
}

function diffOf(value: unknown): StoryStep['diff'] {
  if (typeof value !== 'object' || value === null) return null;
  const { added, removed, changed } = value as Readonly<Record<string, unknown>>;
  const whole = [added, removed, changed].every((count) => typeof count === 'number');
  return whole ? ({ added, removed, changed } as StoryStep['diff']) : null;
}

function stepOf(event: FileEvent, open: ReadonlySet<FileEvent>): StoryStep {
  const { evidence, diff } = event.detail;
  return {
    at: event.at,
    run_id: event.runId,
    sha: event.sha,
    status: event.status,
    action: event.action,
    rule: event.rule,
    reason: event.reason,
    evidence: (typeof evidence === 'object' && evidence !== null ? evidence : {}) as Evidence,
    rows: event.rows,
    diff: diffOf(diff),
    attempt: event.attempt,
    error: event.error,
    next_retry_at: event.nextRetryAt,
    reprocess: event.reprocess,
    open: open.has(event),
  };
}

/** The rows that paths have in a target, by path and sha; undefined when there is no table that could tell. */
async function countRows(
  { session, catalog }: ReadEventsDeps,
  target: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, number> | undefined> {
  const snapshot = await catalog.findSnapshot(target);
  if (snapshot === undefined || !hasLineage(snapshot)) return undefined;
  const relation = await catalog.table(target).scan({ slot: 'explained', snapshot, files: snapshot.files });
  const statement = fillSql(readSqlFile('ingest', 'count_file_rows'), { relation: trustedFragment(relation) });
  const rows = await session.rows(statement, { paths });
  return new Map(rows.map((row) => [`${row['sha']}\n${row['path']}`, Number(row['row_count'])]));
}

function storyOf(
  path: string,
  at: {
    readonly states: FileStates;
    readonly open: ReadonlySet<FileEvent>;
    readonly counts: ReadonlyMap<string, number> | undefined;
    readonly request: ExplainRequest;
  },
): FileStory | undefined {
  const { states, open, counts, request } = at;
  const history = states.history(path);
  const last = history.findLast(({ reprocess }) => !reprocess) ?? history.at(-1);
  if (last === undefined) return undefined;
  const policy = { ...(request.policyOf?.(last.source) ?? DEFAULT_POLICY), now: request.now };
  const loads = new Map(states.loads(path).map((load) => [load.sha, load]));
  const current = states.current(path);
  return {
    source: last.source,
    target: last.target,
    path,
    sha: last.sha,
    git_sha: last.gitSha,
    business_date: last.businessDate,
    steps: history.map((event) => stepOf(event, open)),
    now: {
      loaded: [...loads.values()].map((load) => ({
        sha: load.sha,
        rows: counts === undefined ? null : (counts.get(`${load.sha}\n${path}`) ?? 0),
        run_id: load.runId,
        loaded_at: load.at,
      })),
      held_under: current?.status === 'SKIPPED' ? (states.owner(current.sha)?.path ?? null) : null,
      again: last.detail['extract'] === undefined ? decideFile({ path, sha: last.sha }, states, policy) : null,
    },
  };
}

/**
 * The story of a path, of bytes, or of a day of a source: everything that was decided about its files and why, what they have
 * in the target now, and what would happen if they came again. No files when the ledger knows nothing of it; throws a usage
 * error for the beginning of several shas.
 */
export async function explain(deps: ReadEventsDeps, request: ExplainRequest): Promise<Story> {
  const found = await findSubject(deps, request.subject);
  const places = new Map<string, { source: string; target: string; files: Map<string, string> }>();
  for (const { source, target, path, sha } of found) {
    const key = `${source}\n${target}`;
    const place = places.get(key) ?? { source, target, files: new Map() };
    places.set(key, place);
    place.files.set(path, sha);
  }
  const files: FileStory[] = [];
  for (const place of places.values()) {
    const named = [...place.files].map(([path, sha]) => ({ path, sha }));
    const { events } = await readRelatedEvents(deps, { source: place.source, target: place.target, files: named });
    const states = new FileStates(events);
    const open = new Set(states.open());
    const paths = [...place.files.keys()].sort();
    const counts = await countRows(deps, place.target, paths);
    files.push(...paths.flatMap((path) => storyOf(path, { states, open, counts, request }) ?? []));
  }
  return { subject: request.subject, files };
}
