import type { FileEvent } from '../model.js';
import type { FileStates } from '../plan/state.js';
import type { LoadedGroup } from './loaded-groups.js';

/** One content of one path as the ledger has it and as the target has it. */
export interface LoadPair {
  readonly path: string;
  readonly sha: string;
  /** The loads that the ledger counts on, of all sources of the target, oldest first. */
  readonly loads: readonly FileEvent[];
  /** Their rows; null when an event does not say how many. */
  readonly expected: number | null;
  /** The rows that are there, by run. */
  readonly groups: readonly LoadedGroup[];
  readonly found: number;
  /** The last event that says these bytes were loaded for this path; undefined when there was none ever. */
  readonly everLoaded: FileEvent | undefined;
}

function keyOf(path: string, sha: string): string {
  return `${sha}\n${path}`;
}

function isLoad(event: FileEvent): boolean {
  return event.status === 'INGESTED' || event.status === 'REPROCESSED';
}

interface Pair {
  readonly path: string;
  readonly sha: string;
  readonly loads: FileEvent[];
  readonly groups: LoadedGroup[];
  everLoaded: FileEvent | undefined;
}

function sumOf(values: readonly (number | null)[]): number | null {
  return values.reduce((sum: number | null, value) => (sum === null || value === null ? null : sum + value), 0);
}

/**
 * Lays what the ledger says is loaded beside the rows of the target, by path and bytes. Rows do not say which source they are of, so
 * the sources of a target are added up. Rows without path or bytes are in none of the pairs.
 */
export function pairLoads(sources: Iterable<FileStates>, groups: readonly LoadedGroup[]): LoadPair[] {
  const pairs = new Map<string, Pair>();
  const pairOf = (path: string, sha: string): Pair => {
    const key = keyOf(path, sha);
    const pair = pairs.get(key) ?? { path, sha, loads: [], groups: [], everLoaded: undefined };
    pairs.set(key, pair);
    return pair;
  };
  for (const states of sources) {
    for (const path of states.paths()) {
      for (const event of states.history(path)) if (isLoad(event)) pairOf(path, event.sha).everLoaded = event;
      for (const load of states.loads(path)) pairOf(path, load.sha).loads.push(load);
    }
  }
  for (const group of groups) {
    if (group.path !== null && group.sha !== null) pairOf(group.path, group.sha).groups.push(group);
  }
  return [...pairs.values()].map((pair) => ({
    ...pair,
    expected: sumOf(pair.loads.map(({ rows }) => rows)),
    found: pair.groups.reduce((sum, { rows }) => sum + rows, 0),
  }));
}
