import type { FileEvent } from '../model.js';

function isSuccess(event: FileEvent): boolean {
  return event.status === 'INGESTED' || event.status === 'REPROCESSED';
}

function isFailure(event: FileEvent): boolean {
  return event.status === 'FAILED' || event.status === 'RETRYING';
}

function isAlias(event: FileEvent): boolean {
  return event.status === 'SKIPPED' && event.rule === 'same_bytes_new_path';
}

/** A request to load again; what became of it is said by other events. */
function isRequest(event: FileEvent): boolean {
  return event.reprocess && !isSuccess(event) && event.status !== 'PROCESSING';
}

/** Whether an event says how a try of its bytes ended. */
function isOutcome(event: FileEvent): boolean {
  if (isRequest(event)) return false;
  return isSuccess(event) || isAlias(event) || isFailure(event) || event.status === 'QUARANTINED';
}

/** At one moment: what was asked for, what was begun, how it ended. */
function rank(event: FileEvent): number {
  if (isRequest(event)) return 0;
  return event.status === 'PROCESSING' ? 1 : 2;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order of events: by what the decision saw of the event log, then by time; the rest only makes it one order for all (Decision 5). */
export function compareEvents(a: FileEvent, b: FileEvent): number {
  return (
    a.seq - b.seq ||
    compareText(a.at, b.at) ||
    rank(a) - rank(b) ||
    (a.batch ?? -1) - (b.batch ?? -1) ||
    compareText(a.path, b.path) ||
    compareText(a.sha, b.sha) ||
    compareText(a.runId, b.runId) ||
    compareText(a.status, b.status) ||
    a.attempt - b.attempt
  );
}

function textsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;
}

/** What is in the target for one path. */
interface PathState {
  /** The loads whose rows are in the target, oldest first. */
  readonly loads: readonly FileEvent[];
  /** The load that the path's content came with last. */
  readonly last: FileEvent | undefined;
  /** The last word that the bytes of the path are held under another one; only for a path without rows of its own. */
  readonly alias: FileEvent | undefined;
}

/** Two runs that saw the same ledger may end in another order than their commits, and the commits count. */
function isOvertaken(event: FileEvent, last: FileEvent | undefined): boolean {
  return (
    last !== undefined && last.seq === event.seq && last.batch !== null && (event.batch ?? last.batch) < last.batch
  );
}

function isSameLoad(a: FileEvent, b: FileEvent): boolean {
  return a.sha === b.sha && (a.batch === null || b.batch === null ? a.runId === b.runId : a.batch === b.batch);
}

/** Whether rows with `sha` outlive a `replace`: it takes those of its own bytes, and those it names or else all. */
function isKept(sha: string, replace: FileEvent): boolean {
  const replaced = textsOf(replace.detail['replaced']);
  return sha !== replace.sha && replaced !== undefined && !replaced.includes(sha);
}

function stateOf(events: readonly FileEvent[]): PathState {
  let loads: FileEvent[] = [];
  let last: FileEvent | undefined;
  let alias: FileEvent | undefined;
  for (const event of events) {
    if (isAlias(event) && loads.length === 0) alias = event;
    if (!isSuccess(event)) continue;
    const overtaken = isOvertaken(event, last);
    if (overtaken && last?.action === 'replace') continue;
    // A run and the recovery of it may both have told the end of one commit.
    const known = loads.some((load) => isSameLoad(load, event));
    if (event.action === 'replace' && !known) loads = loads.filter(({ sha }) => isKept(sha, event));
    const again = event.action !== 'append' && loads.some(({ sha }) => sha === event.sha);
    if (!known && !again) loads.push(event);
    if (!overtaken) last = event;
    alias = undefined;
  }
  return { loads, last, alias };
}

const NOTHING: PathState = { loads: [], last: undefined, alias: undefined };

function addTo(index: Map<string, Set<string>>, key: string, value: string): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([value]));
  else set.add(value);
}

/**
 * What the events of one source and target say about its files: which bytes each path has, whose rows hold which bytes,
 * how each try ended. The order in which the events are given does not matter.
 */
export class FileStates {
  readonly #byPath = new Map<string, FileEvent[]>();
  readonly #byContent = new Map<string, FileEvent[]>();
  readonly #states = new Map<string, PathState>();
  /** sha → paths that have rows with it. */
  readonly #holders = new Map<string, Set<string>>();
  /** sha → paths whose content it is without rows of their own. */
  readonly #aliases = new Map<string, Set<string>>();

  constructor(events: readonly FileEvent[]) {
    for (const event of [...events].sort(compareEvents)) this.#index(event);
    for (const path of this.#byPath.keys()) this.#refresh(path);
  }

  /** The paths that have events. */
  paths(): readonly string[] {
    return [...this.#byPath.keys()];
  }

  /** All events of a path, in order. */
  history(path: string): readonly FileEvent[] {
    return this.#byPath.get(path) ?? [];
  }

  /** The event that gave a path the content it has now: its last load, or the skip that says another path holds its bytes, while that is so. */
  current(path: string): FileEvent | undefined {
    const { last, alias } = this.#state(path);
    if (alias !== undefined) return this.#holders.has(alias.sha) ? alias : undefined;
    return last;
  }

  /** The last event of these bytes at this path. */
  latest(path: string, sha: string): FileEvent | undefined {
    return this.#content(path, sha).at(-1);
  }

  /** How the last try of these bytes at this path ended; tries that never ended do not count. */
  outcome(path: string, sha: string): FileEvent | undefined {
    return this.#content(path, sha).findLast(isOutcome);
  }

  /** The last time these bytes became the content of this path. */
  lastSuccess(path: string, sha: string): FileEvent | undefined {
    return this.#content(path, sha).findLast((event) => isSuccess(event) || isAlias(event));
  }

  /** A try of these bytes at this path that began and did not end. */
  interrupted(path: string, sha: string): FileEvent | undefined {
    const events = this.#content(path, sha);
    const began = events.findLastIndex(({ status }) => status === 'PROCESSING');
    return began >= 0 && isOpen(events, began) ? events[began] : undefined;
  }

  /** The last request to load these bytes of this path again that no success has answered. */
  request(path: string, sha: string): FileEvent | undefined {
    const events = this.#content(path, sha);
    const asked = events.findLastIndex(isRequest);
    return events.slice(asked + 1).some(isSuccess) ? undefined : events[asked];
  }

  /** Whether `event` comes after `other` in the order of events. */
  isAfter(event: FileEvent, other: FileEvent | undefined): boolean {
    return other === undefined || compareEvents(event, other) > 0;
  }

  /** The load whose rows hold these bytes now; of several paths that of the oldest load. */
  owner(sha: string): FileEvent | undefined {
    return this.owners(sha)[0];
  }

  /** The loads whose rows hold these bytes, one per path, oldest first. */
  owners(sha: string): readonly FileEvent[] {
    const paths = [...(this.#holders.get(sha) ?? [])];
    return paths.flatMap((path) => this.#state(path).loads.find((load) => load.sha === sha) ?? []).sort(compareEvents);
  }

  /** The skips of the paths whose content is these bytes without rows of their own, oldest first. */
  aliases(sha: string): readonly FileEvent[] {
    const paths = [...(this.#aliases.get(sha) ?? [])];
    return paths.flatMap((path) => this.#state(path).alias ?? []).sort(compareEvents);
  }

  /**
   * Who must get the rows of these bytes when `path` loses them: the oldest alias, unless another path has rows of its
   * own. After that an INGESTED event of the heir (action `load`, the batch of the same commit) tells that it has them.
   */
  heir(path: string, sha: string): FileEvent | undefined {
    return this.owners(sha).some((load) => load.path !== path) ? undefined : this.aliases(sha)[0];
  }

  /** The loads of a path whose rows are in the target now, oldest first; `append` keeps several, also of the same bytes. */
  loads(path: string): readonly FileEvent[] {
    return this.#state(path).loads;
  }

  /** Every sha whose rows of this path are in the target now. */
  loadedShas(path: string): readonly string[] {
    return [...new Set(this.#state(path).loads.map(({ sha }) => sha))];
  }

  /** PROCESSING events without a later end of the same path, bytes and run: what a run that died was at, or a live one is. */
  open(): readonly FileEvent[] {
    return [...this.#byContent.values()].flatMap((events) =>
      events.filter(({ status }, i) => status === 'PROCESSING' && isOpen(events, i)),
    );
  }

  /** Takes in one more event, for example what a plan has just decided. */
  add(event: FileEvent): void {
    this.#index(event);
    for (const index of [this.#byPath.get(event.path), this.#content(event.path, event.sha)]) {
      const [previous, added] = index?.slice(-2) ?? [];
      if (previous && added && compareEvents(previous, added) > 0) index?.sort(compareEvents);
    }
    this.#refresh(event.path);
  }

  #index(event: FileEvent): void {
    const key = contentKey(event.path, event.sha);
    for (const [index, name] of [
      [this.#byPath, event.path],
      [this.#byContent, key],
    ] as const) {
      const events = index.get(name);
      if (events === undefined) index.set(name, [event]);
      else events.push(event);
    }
  }

  #content(path: string, sha: string): FileEvent[] {
    return this.#byContent.get(contentKey(path, sha)) ?? [];
  }

  #state(path: string): PathState {
    return this.#states.get(path) ?? NOTHING;
  }

  #refresh(path: string): void {
    const before = this.#state(path);
    for (const { sha } of before.loads) forget(this.#holders, sha, path);
    if (before.alias !== undefined) forget(this.#aliases, before.alias.sha, path);
    const state = stateOf(this.history(path));
    this.#states.set(path, state);
    for (const { sha } of state.loads) addTo(this.#holders, sha, path);
    if (state.alias !== undefined) addTo(this.#aliases, state.alias.sha, path);
  }
}

function contentKey(path: string, sha: string): string {
  return `${sha}\n${path}`;
}

function forget(index: Map<string, Set<string>>, sha: string, path: string): void {
  const paths = index.get(sha);
  paths?.delete(path);
  if (paths?.size === 0) index.delete(sha);
}

function isOpen(events: readonly FileEvent[], began: number): boolean {
  const { runId, batch } = events[began] as FileEvent;
  return !events
    .slice(began + 1)
    .some(
      (later) => later.runId === runId && !isRequest(later) && (later.status !== 'PROCESSING' || later.batch !== batch),
    );
}
