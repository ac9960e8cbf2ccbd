import { type ReadEventsDeps, readFileEvents } from '../events/read-events.js';
import type { FileEvent } from '../model.js';
import { FileStates } from '../plan/state.js';
import type { SourceStates } from './retention.js';

/** What the ledger says about the files of a source, by each target that they were ever given to. */
export async function readSourceStates(deps: ReadEventsDeps, source: string): Promise<SourceStates> {
  const { events } = await readFileEvents(deps, { source });
  const targets = new Map<string, FileEvent[]>();
  for (const event of events) {
    const some = targets.get(event.target);
    if (some === undefined) targets.set(event.target, [event]);
    else some.push(event);
  }
  return new Map([...targets].map(([target, some]) => [target, new FileStates(some)]));
}
