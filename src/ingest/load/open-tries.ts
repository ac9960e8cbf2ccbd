import type { FileEvent } from '../model.js';
import type { FileStates } from '../plan/state.js';
import type { TargetReading } from '../verify/target-reading.js';

/** A try that began and did not say how it ended. */
export interface OpenTry {
  readonly event: FileEvent;
  /** Whether its batch is in the target. */
  readonly committed: boolean;
  /** The rows that it brought; null when it brought none that anybody can tell of. */
  readonly rows: number | null;
}

/** Whether something later says what became of the path: another run has ended a try of it. */
export function isSettled(states: FileStates, open: FileEvent): boolean {
  return states
    .history(open.path)
    .some((event) => event.status !== 'PROCESSING' && !event.reprocess && states.isAfter(event, open));
}

function fileKey(path: string | null, sha: string | null, runId: string | null): string {
  return `${runId}\n${sha}\n${path}`;
}

/** The rows that a try brought, by what its target says: those that are there, or that its commit brought none. */
export function rowCounts({ groups, notes }: TargetReading): (event: FileEvent) => number | null {
  const there = new Map(groups.map(({ path, sha, runId, rows }) => [fileKey(path, sha, runId), rows]));
  const noted = new Map(notes.map((note) => [`${note.source}\n${note.batch}\n${note.run_id}`, note]));
  return ({ path, sha, runId, source, batch }) => {
    const rows = there.get(fileKey(path, sha, runId));
    if (rows !== undefined) return rows;
    const note = noted.get(`${source}\n${batch}\n${runId}`);
    // Rows that the commit brought and that are not there any more are no load.
    return note?.files.some((file) => file.path === path && file.sha === sha && file.rows === 0) ? 0 : null;
  };
}

/** The tries of a target that did not say how they ended and that nothing later speaks of, in order. */
export function findOpenTries(reading: TargetReading): OpenTry[] {
  const rowsOf = rowCounts(reading);
  return [...reading.states].flatMap(([source, states]) =>
    states
      .open()
      .filter((event) => !isSettled(states, event))
      .map((event) => {
        const last = reading.batches.get(source);
        const committed = event.batch !== null && last !== undefined && last >= event.batch;
        return { event, committed, rows: committed ? rowsOf(event) : null };
      }),
  );
}
