import type { BatchNote } from '../load/batch-notes.js';
import { findOpenTries, type OpenTry } from '../load/open-tries.js';
import type { Action, FileEvent } from '../model.js';
import { shortSha } from '../plan/decide.js';
import { type LoadPair, pairLoads } from './compare-loads.js';
import type { TargetReading } from './target-reading.js';

/** How the ledger and the rows of a target differ about one file. */
export interface Difference {
  readonly kind: 'only_in_bronze' | 'only_in_ledger' | 'different_rows' | 'superseded' | 'unfinished';
  readonly target: string;
  readonly source: string | null;
  readonly path: string;
  readonly sha: string;
  readonly run_id: string | null;
  readonly ledger_rows: number | null;
  readonly bronze_rows: number | null;
  /** Whether an event was written that brings the ledger in line. */
  readonly recorded: boolean;
  readonly message: string;
}

export interface RebuildPlan {
  readonly differences: readonly Difference[];
  readonly events: readonly { readonly event: FileEvent; readonly ingestDate: string | undefined }[];
}

/** Rows of a file that the ledger does not know; none for a file without rows that only the log of the target tells of. */
interface Missing {
  readonly path: string;
  readonly sha: string;
  readonly runId: string;
  readonly rows: number;
  readonly ingestDate: string | null;
  readonly note: BatchNote | undefined;
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

const MIDNIGHT = 'T00:00:00';

function fileKey(path: string, sha: string, runId: string): string {
  return `${runId}\n${sha}\n${path}`;
}

/** The commits by the files that they name; of several, the last. */
function indexNotes({ notes }: TargetReading): ReadonlyMap<string, BatchNote> {
  return new Map(
    notes.flatMap((note) => note.files.map(({ path, sha }) => [fileKey(path, sha, note.run_id), note] as const)),
  );
}

/** The write-ahead events of loads; of several, the last. */
function indexBegun({ events }: TargetReading): ReadonlyMap<string, FileEvent> {
  const begun = events.filter(({ status }) => status === 'PROCESSING');
  return new Map(begun.map((event) => [fileKey(event.path, event.sha, event.runId), event]));
}

/** What the ledger has of each path. */
function indexLoads(pairs: readonly LoadPair[]): ReadonlyMap<string, readonly LoadPair[]> {
  const byPath = new Map<string, LoadPair[]>();
  for (const pair of pairs) {
    if (pair.loads.length > 0) byPath.set(pair.path, [...(byPath.get(pair.path) ?? []), pair]);
  }
  return byPath;
}

/** The sources of each path. */
function indexSources({ events }: TargetReading): ReadonlyMap<string, ReadonlySet<string>> {
  const byPath = new Map<string, Set<string>>();
  for (const { path, source } of events) byPath.set(path, (byPath.get(path) ?? new Set()).add(source));
  return byPath;
}

/** Files without rows leave nothing but a word in the log: the last word about their path. */
function emptyFiles(reading: TargetReading): Missing[] {
  const last = new Map<string, Missing>();
  for (const note of reading.notes) {
    for (const { path, sha, rows } of note.files) {
      last.set(`${note.source}\n${path}`, { path, sha, runId: note.run_id, rows, ingestDate: null, note });
    }
  }
  return [...last.values()].filter(({ path, sha, rows, runId, note }) => {
    if (rows > 0) return false;
    const known = reading.states.get(note?.source ?? '')?.history(path) ?? [];
    return !known.some((event) => event.sha === sha && (event.runId === runId || event.status !== 'PROCESSING'));
  });
}

/** In the order of the commits, as far as the log still knows them; what only a day is known of comes first. */
function byTime(a: Missing, b: Missing): number {
  const [first, second] = [a.note?.version ?? -1, b.note?.version ?? -1];
  return first - second || ((a.ingestDate ?? '') < (b.ingestDate ?? '') ? -1 : a.ingestDate === b.ingestDate ? 0 : 1);
}

/** Builds the events that the ledger lacks, for one target. */
class Rebuilder {
  readonly #reading: TargetReading;
  readonly #source: string | undefined;
  readonly #pairs: readonly LoadPair[];
  readonly #open: readonly OpenTry[];
  readonly #loads: ReadonlyMap<string, readonly LoadPair[]>;
  readonly #notes: ReadonlyMap<string, BatchNote>;
  readonly #runs: ReadonlyMap<string, BatchNote>;
  readonly #begun: ReadonlyMap<string, FileEvent>;
  readonly #sources: ReadonlyMap<string, ReadonlySet<string>>;
  /** After everything that the ledger has. */
  readonly #lastSeq: number;
  readonly #seqs = new Map<number, number>();
  readonly #written = new Set<string>();
  /** Paths that an event was made for: whether it takes the place of what the ledger has. */
  readonly #paths = new Map<string, boolean>();
  readonly #differences: Difference[] = [];
  readonly #events: { event: FileEvent; ingestDate: string | undefined }[] = [];

  constructor(reading: TargetReading, source: string | undefined) {
    this.#reading = reading;
    this.#source = source;
    this.#pairs = pairLoads(reading.states.values(), reading.groups);
    this.#open = findOpenTries(reading);
    this.#loads = indexLoads(this.#pairs);
    this.#notes = indexNotes(reading);
    this.#runs = new Map([...reading.notes].reverse().map((note) => [note.run_id, note]));
    this.#begun = indexBegun(reading);
    this.#sources = indexSources(reading);
    this.#lastSeq = reading.events.reduce((max, { seq }) => Math.max(max, seq + 1), reading.seq);
  }

  plan(): RebuildPlan {
    const missing = this.#pairs.flatMap((pair) => this.#missingOf(pair));
    for (const [i, one] of [...missing, ...emptyFiles(this.#reading)].sort(byTime).entries()) this.#add(one, i);
    for (const one of this.#open) this.#complete(one);
    return { differences: this.#differences.map((one) => this.#settled(one)), events: this.#events };
  }

  /** A load without rows is told off by the rows that are recorded in its place. */
  #settled(difference: Difference): Difference {
    if (difference.kind !== 'only_in_ledger') return difference;
    if (this.#paths.get(difference.path) !== true) return difference;
    return { ...difference, recorded: true, message: 'other bytes are in its place' };
  }

  /** The rows of a pair that the ledger lacks; says what else differs. */
  #missingOf(pair: LoadPair): Missing[] {
    const { path, sha, loads, expected, found } = pair;
    if (loads.length > 0) {
      if (expected !== null && expected !== found) this.#differ(pair);
      return [];
    }
    if (found === 0) return [];
    if (pair.everLoaded !== undefined && this.#hasOtherRows(path)) {
      this.#differ(pair);
      return [];
    }
    return pair.groups.map(({ runId, rows, ingestDate }) => {
      const run = runId ?? 'unknown';
      return { path, sha, runId: run, rows, ingestDate, note: this.#notes.get(fileKey(path, sha, run)) };
    });
  }

  /** Whether the content that the ledger has for a path is there. */
  #hasOtherRows(path: string): boolean {
    return this.#loadsOf(path).some(({ found }) => found > 0);
  }

  #differ(pair: LoadPair): void {
    const { path, sha, loads, expected, found } = pair;
    const kind = loads.length === 0 ? 'superseded' : found === 0 ? 'only_in_ledger' : 'different_rows';
    const messages = {
      superseded: 'rows whose place other bytes took in the ledger; "reprocess" the path to replace them',
      only_in_ledger: 'the ledger says it is loaded, its rows are not there; "reprocess" loads it again',
      different_rows: 'the ledger and the target have different numbers of rows; "reprocess" loads it again',
    };
    this.#differences.push({
      kind,
      target: this.#reading.target,
      source: (loads.at(-1) ?? pair.everLoaded)?.source ?? null,
      path,
      sha,
      run_id: (loads.at(-1) ?? pair.everLoaded)?.runId ?? null,
      ledger_rows: loads.length === 0 ? 0 : expected,
      bronze_rows: found,
      recorded: false,
      message: messages[kind],
    });
  }

  #add(missing: Missing, index: number): void {
    const { path, sha, runId, rows, note } = missing;
    const source = this.#sourceOf(missing);
    const place = note === undefined ? '' : `, committed as version ${note.version}`;
    this.#differences.push({
      kind: 'only_in_bronze',
      target: this.#reading.target,
      source: source ?? null,
      path,
      sha,
      run_id: runId,
      ledger_rows: null,
      bronze_rows: rows,
      recorded: source !== undefined,
      message:
        source === undefined
          ? 'several sources feed this target and nothing says which one this is of; name it with --source'
          : `rows of run ${runId}${place}`,
    });
    if (source === undefined) return;
    const event = this.#eventOf(missing, { source, index });
    this.#written.add(fileKey(path, sha, runId));
    this.#paths.set(path, (this.#paths.get(path) ?? false) || event.action === 'replace');
    this.#events.push({ event, ingestDate: missing.ingestDate ?? undefined });
  }

  /** Which source a file is of; undefined when several could be. */
  #sourceOf({ path, runId, note }: Missing): string | undefined {
    const { batches, target } = this.#reading;
    const told = note ?? this.#runs.get(runId);
    if (told !== undefined) return told.source;
    const [only, ...others] = batches.keys();
    if (only !== undefined && others.length === 0) return only;
    const known = this.#sources.get(path) ?? new Set();
    const [one, ...more] = known;
    if (one !== undefined && more.length === 0) return one;
    return this.#source ?? (only === undefined && known.size === 0 ? target : undefined);
  }

  #eventOf(missing: Missing, { source, index }: { readonly source: string; readonly index: number }): FileEvent {
    const { path, sha, runId, rows, note, ingestDate } = missing;
    const { target } = this.#reading;
    const begun = this.#begun.get(fileKey(path, sha, runId));
    const noted = note?.files.find((file) => file.path === path && file.sha === sha);
    const batch = begun?.batch ?? note?.batch ?? null;
    const takesPlace = this.#takesPlace(path);
    return {
      source,
      target,
      path,
      sha,
      status: 'INGESTED',
      action: takesPlace ? 'replace' : (begun?.action ?? this.#actionFor(path)),
      rule: 'rebuilt',
      reason: `its ${rows.toLocaleString('en')} rows are in ${target}, the ledger did not know`,
      seq: takesPlace ? this.#lastSeq : (begun?.seq ?? this.#seqOf(batch)),
      at: timeOf(note, ingestDate, index),
      runId,
      batch,
      rows,
      attempt: begun?.attempt ?? 1,
      nextRetryAt: null,
      errorCode: null,
      error: null,
      reprocess: false,
      gitSha: begun?.gitSha ?? noted?.git_sha ?? null,
      size: begun?.size ?? noted?.size ?? null,
      businessDate: begun?.businessDate ?? textOr(noted?.detail?.['execution_date']),
      schemaVersion: begun?.schemaVersion ?? null,
      detail: {
        ...noted?.detail,
        ...begun?.detail,
        ...(takesPlace ? { replaced: this.#lost(path) } : {}),
        evidence: { path, sha, run_id: runId, rows, version: note?.version ?? null },
        ...(noted === undefined ? {} : { rejected: noted.rejected, rescued: noted.rescued }),
      },
    };
  }

  #loadsOf(path: string): readonly LoadPair[] {
    return this.#loads.get(path) ?? [];
  }

  /** Contents that the ledger has for a path. */
  #lost(path: string): string[] {
    return this.#loadsOf(path).map(({ sha }) => sha);
  }

  /** Rows that the ledger has for a path are gone from the target: the first that are there took their place. */
  #takesPlace(path: string): boolean {
    const loads = this.#loadsOf(path);
    if (loads.length === 0 || loads.some((pair) => pair.found > 0 || pair.expected === 0)) return false;
    return !this.#paths.has(path);
  }

  #actionFor(path: string): Action {
    return this.#loadsOf(path).length > 0 || this.#paths.has(path) ? 'append' : 'load';
  }

  /** After what the batches before it saw; a load of an unknown batch comes last. */
  #seqOf(batch: number | null): number {
    const { events } = this.#reading;
    if (events.length === 0) return 0;
    if (batch === null) return this.#lastSeq;
    const known = this.#seqs.get(batch);
    if (known !== undefined) return known;
    const seq = events.reduce(
      (max, one) => (one.batch !== null && one.batch <= batch ? Math.max(max, one.seq) : max),
      0,
    );
    this.#seqs.set(batch, seq);
    return seq;
  }

  /** Ends a try whose rows are in the target. */
  #complete({ event, committed, rows }: OpenTry): void {
    const { target } = this.#reading;
    if (this.#written.has(fileKey(event.path, event.sha, event.runId))) return;
    const done = committed && rows !== null;
    this.#differences.push({
      kind: 'unfinished',
      target,
      source: event.source,
      path: event.path,
      sha: event.sha,
      run_id: event.runId,
      ledger_rows: null,
      bronze_rows: rows,
      recorded: done,
      message: done
        ? `run ${event.runId} committed it and did not say so`
        : `run ${event.runId} began with it and did not commit it; the next "ingest" takes it again`,
    });
    if (!done) return;
    const reason = `its ${rows.toLocaleString('en')} rows of ${shortSha(event.sha)} are in ${target}; the run that loaded it ended before it could say so`;
    const status = event.rule === 'reprocess' ? 'REPROCESSED' : 'INGESTED';
    this.#events.push({ event: { ...event, status, rule: 'rebuilt', reason, rows }, ingestDate: undefined });
  }
}

/** The time of the commit, else the day of the rows; microseconds keep the order of those of one day. */
function timeOf(note: BatchNote | undefined, ingestDate: string | null, index: number): string {
  if (note !== undefined) return note.at.replace(/(\.\d{3})Z$/, '$1000Z');
  return `${ingestDate ?? '1970-01-01'}${MIDNIGHT}.${String(index % 1_000_000).padStart(6, '0')}Z`;
}

/** What the ledger lacks of the rows of a target, and how else the two differ. Pure. `source` says whose rows of unknown origin are. */
export function planRebuild(reading: TargetReading, source?: string): RebuildPlan {
  return new Rebuilder(reading, source).plan();
}
