import { utcDay } from '../../base/clock.js';
import { usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import { openLedger } from '../../ledger/index.js';
import { Journal, type NewEvent } from '../events/journal.js';
import { type FileEvents, readFileEvents } from '../events/read-events.js';
import { type LedgerWriter, type RecordContext, restoreLedgerFolder } from '../events/record-events.js';
import { type FileEvent, UNTRIED } from '../model.js';
import { FileStates } from '../plan/state.js';

/** The files of one source in one target. */
export interface SourceState {
  readonly source: string;
  readonly target: string;
  readonly states: FileStates;
  /** What a decision that is taken now has seen. */
  readonly seq: number;
}

/** A file that is to be loaded again. */
export interface ResetFile {
  readonly source: string;
  readonly target: string;
  readonly path: string;
  readonly sha: string;
  readonly rows: number | null;
}

/** What is said of a file by hand. */
export interface StateSetting extends RecordContext {
  readonly path: string;
  /** SHA-256 of the bytes; the beginning is enough for bytes that the ledger has for this path. */
  readonly sha: string;
  /** `SKIPPED`: never load these bytes at this path. */
  readonly status: 'INGESTED' | 'SKIPPED';
  readonly reason: string;
  /** Needed unless the ledger knows one source and target for the path, or has only one. */
  readonly source?: string;
  readonly target?: string;
}

/** The states of a lake by source and target, of those that `names` (of sources or targets; all when empty) stand for. */
export async function readSourceStates(
  deps: Pick<LedgerWriter, 'session' | 'catalog'>,
  names: readonly string[] = [],
): Promise<readonly SourceState[]> {
  const { events, version } = await readFileEvents(deps);
  const groups = new Map<string, FileEvent[]>();
  for (const event of events) {
    const key = `${event.source}\n${event.target}`;
    const some = groups.get(key);
    if (some === undefined) groups.set(key, [event]);
    else some.push(event);
  }
  const seq = lastSeq({ events, version });
  const all = [...groups.values()].map((some): SourceState => {
    const [{ source, target }] = some as [FileEvent];
    return { source, target, states: new FileStates(some), seq };
  });
  const known = [...new Set(all.flatMap(({ source, target }) => [source, target]))].sort();
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageError(`"${unknown}" is neither a source nor a target that anything was ingested into`, {
      place: deps.catalog.root,
      hint: didYouMean(unknown, known),
    });
  }
  const wanted = all.filter(
    ({ source, target }) => names.length === 0 || names.some((n) => n === source || n === target),
  );
  return wanted.sort((a, b) => (`${a.source}\n${a.target}` < `${b.source}\n${b.target}` ? -1 : 1));
}

/** After everything that the ledger has: events of another lake may have seen more than this one's log has versions. */
function lastSeq({ events, version }: FileEvents): number {
  return events.reduce((max, { seq }) => Math.max(max, seq), version);
}

/** Writes what was changed by hand. */
export async function writeChanges(
  deps: LedgerWriter,
  events: readonly NewEvent[],
  context: RecordContext,
): Promise<void> {
  await restoreLedgerFolder(deps.catalog);
  const ledger = await openLedger(deps);
  const ingestDate = utcDay(deps.clock.now());
  await new Journal({ ...deps, ...context, ledger, ingestDate }).write(events);
}

/** An event without anything that came of a try. */
export function plainEvent(
  event: Pick<NewEvent, 'source' | 'target' | 'path' | 'sha' | 'status'> & Partial<NewEvent>,
): NewEvent {
  return {
    action: 'load',
    rule: 'rebuilt',
    reason: '',
    seq: 0,
    runId: '',
    ...UNTRIED,
    detail: {},
    ...event,
  };
}

/** Whether a path is that of a table: its rows are read again from the database, and not from bytes that may come again. */
export function isTablePath(states: FileStates, path: string): boolean {
  return states.history(path).some(({ detail }) => detail['extract'] !== undefined);
}

function resetEvents({ states, seq }: SourceState, { runId, reason }: { runId: string; reason: string }): NewEvent[] {
  return states.paths().flatMap((path) => {
    if (isTablePath(states, path)) return [];
    const current = states.current(path);
    // A path without rows of its own follows the one that has them.
    if (current === undefined || states.loads(path).length === 0) return [];
    // What is asked for already need not be asked for twice.
    if (states.request(path, current.sha) !== undefined) return [];
    const { source, target, sha, gitSha, size, businessDate } = current;
    const status = 'PENDING' as const;
    const asked = { action: 'replace', rule: 'reprocess', reason, reprocess: true, seq, runId } as const;
    const facts = { source, target, path, sha, status, gitSha, size, businessDate };
    return [plainEvent({ ...facts, ...asked, detail: { evidence: { reset: true } } })];
  });
}

/**
 * Asks for every loaded file of a source or target to be loaded again, in place of its rows, by the next `ingest`. Returns the files. With
 * `dryRun` nothing is written.
 */
export async function resetState(
  deps: LedgerWriter,
  request: RecordContext & { readonly name: string; readonly reason: string; readonly dryRun?: boolean },
): Promise<readonly ResetFile[]> {
  const found = await readSourceStates(deps, [request.name]);
  const events = found.flatMap((one) => resetEvents(one, request));
  if (events.length > 0 && request.dryRun !== true) await writeChanges(deps, events, request);
  const rows = (source: string, target: string, path: string) =>
    found
      .find((one) => one.source === source && one.target === target)
      ?.states.loads(path)
      .at(-1)?.rows ?? null;
  return events.map(({ source, target, path, sha }) => ({
    source,
    target,
    path,
    sha,
    rows: rows(source, target, path),
  }));
}

/** The source and target that a setting is about. */
function placeOf(
  all: readonly SourceState[],
  setting: StateSetting,
): { readonly source: string; readonly target: string } {
  const { source, target, path } = setting;
  const fitting = all.filter((one) => one.source === (source ?? one.source) && one.target === (target ?? one.target));
  const knowing = fitting.filter(({ states }) => states.history(path).length > 0);
  const [one, ...others] = knowing.length > 0 ? knowing : fitting;
  if (one !== undefined && others.length === 0) return { source: one.source, target: one.target };
  if (source !== undefined && target !== undefined) return { source, target };
  const places = [one, ...others].flatMap((some) => (some === undefined ? [] : `${some.source} → ${some.target}`));
  throw usageError(`nobody can tell which source and target ${path} is of`, {
    hint: `name them with --source and --into${places.length === 0 ? '' : `; there are ${places.join(', ')}`}`,
  });
}

function shaOf(states: FileStates | undefined, { path, sha }: StateSetting): string {
  const wanted = sha.toLowerCase();
  if (/^[0-9a-f]{64}$/.test(wanted)) return wanted;
  const known = [...new Set(states?.history(path).map((event) => event.sha))].filter((one) => one.startsWith(wanted));
  const [only, ...others] = /^[0-9a-f]{6,}$/.test(wanted) ? known : [];
  if (only !== undefined && others.length === 0) return only;
  throw usageError(`"${sha}" is not the SHA-256 of bytes that the ledger has for ${path}`, {
    hint: 'give all 64 digits: sha256sum FILE',
  });
}

/** Says of a file by hand that its bytes are in the target, or that they are never to be loaded. Returns the event. */
export async function setState(deps: LedgerWriter, setting: StateSetting): Promise<Omit<FileEvent, 'at'>> {
  const { path, status, reason, runId } = setting;
  const all = await readSourceStates(deps);
  const place = placeOf(all, setting);
  const own = all.find(({ source, target }) => source === place.source && target === place.target);
  const sha = shaOf(own?.states, setting);
  const beside = own !== undefined && own.states.loads(path).length > 0 && !own.states.loadedShas(path).includes(sha);
  const event = plainEvent({
    ...place,
    path,
    sha,
    seq: own?.seq ?? 0,
    runId,
    reason: `set by hand: ${reason}`,
    detail: { by_hand: true, evidence: { status } },
    ...(status === 'INGESTED'
      ? { status, action: beside ? 'append' : 'load' }
      : { status: 'QUARANTINED', action: 'hold', rule: 'quarantined' }),
  });
  await writeChanges(deps, [event], setting);
  return event;
}
