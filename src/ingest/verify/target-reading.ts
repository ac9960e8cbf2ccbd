import { usageError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import type { Snapshot } from '../../delta/index.js';
import { type FileEvents, readFileEvents } from '../events/read-events.js';
import { type BatchNote, batchesOf, readBatchNotes } from '../load/batch-notes.js';
import type { FileEvent } from '../model.js';
import { FileStates } from '../plan/state.js';
import {
  findBronzeTables,
  hasLineage,
  type LoadedGroup,
  readLoadedGroups,
  type TargetReader,
} from './loaded-groups.js';

/** A target as it is, and what the ledger says of it. */
export interface TargetReading {
  readonly target: string;
  /** Undefined when there is no such table. */
  readonly snapshot: Snapshot | undefined;
  readonly groups: readonly LoadedGroup[];
  /** The last committed batch of each source, as the target itself says. */
  readonly batches: ReadonlyMap<string, number>;
  /** The batches whose commits are still in the log of the target, oldest first. */
  readonly notes: readonly BatchNote[];
  readonly events: readonly FileEvent[];
  /** What the events say, by source. */
  readonly states: ReadonlyMap<string, FileStates>;
  /** The version of the event log that was read. */
  readonly seq: number;
}

/** The targets of a lake that the ledger or the tables know, with their events. */
export interface KnownTargets {
  readonly names: readonly string[];
  readonly ledger: FileEvents;
}

/** Finds the targets that `names` (of targets or sources; all when empty) stand for. Throws a usage error for an unknown one. */
export async function findTargets(deps: TargetReader, names: readonly string[] = []): Promise<KnownTargets> {
  const ledger = await readFileEvents(deps);
  const bySource = new Map<string, Set<string>>();
  for (const { source, target } of ledger.events) {
    bySource.set(source, (bySource.get(source) ?? new Set()).add(target));
  }
  const all = [
    ...new Set([...(await findBronzeTables(deps.catalog)), ...ledger.events.map(({ target }) => target)]),
  ].sort();
  if (names.length === 0) return { names: all, ledger };
  const wanted = names.flatMap((name) => {
    if (all.includes(name)) return [name];
    const targets = bySource.get(name);
    if (targets !== undefined) return [...targets];
    throw usageError(`"${name}" is neither a target nor a source of this lake`, {
      place: deps.catalog.root,
      hint: didYouMean(name, [...new Set([...all, ...bySource.keys()])]),
    });
  });
  return { names: [...new Set(wanted)].sort(), ledger };
}

/** What the events of a target say, by source. */
export function statesBySource(events: readonly FileEvent[]): ReadonlyMap<string, FileStates> {
  const groups = new Map<string, FileEvent[]>();
  for (const event of events) {
    const some = groups.get(event.source);
    if (some === undefined) groups.set(event.source, [event]);
    else some.push(event);
  }
  return new Map([...groups].map(([source, some]) => [source, new FileStates(some)]));
}

/** Reads a target: its rows by file and run (with `distinct`, their row numbers too), its log, and its events. */
export async function readTarget(
  deps: TargetReader,
  target: string,
  { ledger, distinct = false }: { readonly ledger: FileEvents; readonly distinct?: boolean },
): Promise<TargetReading> {
  const snapshot = await deps.catalog.findSnapshot(target);
  const events = ledger.events.filter((event) => event.target === target);
  const states = statesBySource(events);
  const seq = ledger.version;
  if (snapshot === undefined || !hasLineage(snapshot)) {
    return { target, snapshot, groups: [], batches: new Map(), notes: [], events, states, seq };
  }
  return {
    target,
    snapshot,
    groups: await readLoadedGroups(deps, target, { snapshot, distinct }),
    batches: batchesOf(snapshot),
    notes: await readBatchNotes(deps.catalog.table(target)),
    events,
    states,
    seq,
  };
}
