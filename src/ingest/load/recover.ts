import { eventTime } from '../../base/clock.js';
import type { SourceRun } from '../context.js';
import type { NewEvent } from '../events/journal.js';
import { readKnownBatch, readOpenEvents, readRelatedEvents, readUntoldEvents } from '../events/read-events.js';
import type { FileEvent } from '../model.js';
import { FileStates } from '../plan/state.js';
import { readTarget, type TargetReading } from '../verify/target-reading.js';
import { findOpenTries, isSettled, type OpenTry, rowCounts } from './open-tries.js';
import { recoverRawManifests } from './raw-manifests.js';
import { batchAppId } from './target.js';

/** Code of a try that a run did not bring to its end. */
export const RUN_ENDED = 'RUN_ENDED';

function committedEvent({ event, rows }: OpenTry, seq: number): NewEvent {
  const again = event.rule === 'reprocess' || event.rule === 'returned';
  return {
    ...event,
    seq,
    status: again ? 'REPROCESSED' : 'INGESTED',
    rows,
    detail: { ...event.detail, recovered: true },
  };
}

/** `again` is when it is tried again; null when the same bytes never come again: a table is read anew. */
function cutEvent(
  { event }: OpenTry,
  { seq, again }: { readonly seq: number; readonly again: string | null },
): NewEvent {
  return {
    ...event,
    seq,
    status: again === null ? 'FAILED' : 'RETRYING',
    batch: null,
    error: 'the run ended before the rows were committed',
    errorCode: RUN_ENDED,
    nextRetryAt: again,
    detail: { ...event.detail, recovered: true },
  };
}

/** Contents that a committed correction has left to another path, which the run did not come to say. */
function heirEvents(open: OpenTry, reading: TargetReading, seq: number): NewEvent[] {
  const { event } = open;
  const states = reading.states.get(event.source);
  const replaced = event.detail['replaced'];
  if (states === undefined || !Array.isArray(replaced)) return [];
  return replaced.flatMap((sha: string): NewEvent[] => {
    const heir = states.heir(event.path, sha);
    const group = reading.groups.find((one) => one.sha === sha && one.path === heir?.path);
    return heir === undefined || group === undefined ? [] : [heirEvent(heir, { by: event, seq, rows: group.rows })];
  });
}

/** Tells that a path has got the rows of bytes that it was skipped for. */
export function heirEvent(
  heir: FileEvent,
  at: { readonly by: Pick<FileEvent, 'path' | 'runId' | 'batch'>; readonly seq: number; readonly rows: number | null },
): NewEvent {
  return {
    ...heir,
    status: 'INGESTED',
    action: 'load',
    reason: `the rows of these bytes are now its own: ${at.by.path} has others`,
    seq: at.seq,
    runId: at.by.runId,
    batch: at.by.batch,
    rows: at.rows,
    detail: { evidence: { from: at.by.path } },
  };
}

/**
 * Tells the end of batches that are in the target and that nobody has told, also of runs that are alive and about to, or that another
 * run took for dead. Returns the last batch that is told then: what is decided with the events after that knows all batches up to it.
 */
async function tellCommitted(run: SourceRun): Promise<number> {
  const { deps, source, target, journal } = run;
  const place = { source: source.name, target: source.target };
  const known = await readKnownBatch(deps, place);
  const snapshot = await target.findSnapshot();
  const committed = Number(snapshot?.txns.get(batchAppId(source.name, source.target))?.version ?? 0);
  if (committed <= known) return known;
  // Read after the snapshot: a batch begins in the ledger before it is in the target.
  const untold = await readUntoldEvents(deps, { ...place, known });
  const begun = untold.events.filter(({ batch }) => batch !== null && batch <= committed);
  if (begun.length === 0) return committed;
  const ledger = await readRelatedEvents(deps, { ...place, files: begun });
  const reading = await readTarget(deps, source.target, { ledger });
  const rowsOf = rowCounts(reading);
  const tries = new Map<string, OpenTry>();
  for (const event of begun) {
    const rows = rowsOf(event);
    if (rows !== null) tries.set(`${event.runId}\n${event.sha}\n${event.path}`, { event, committed: true, rows });
  }
  const events = [...tries.values()].flatMap((one) => [
    committedEvent(one, reading.seq),
    ...heirEvents(one, reading, reading.seq),
  ]);
  await recoverRawManifests(run, await journal.write(events));
  return committed;
}

/**
 * Says how the tries of runs that died have ended: those whose rows are in the target are done, all others are due at once. The
 * target is the truth. Returns the last batch whose end the ledger tells.
 */
export async function recover(run: SourceRun): Promise<number> {
  const told = await tellCommitted(run);
  await endOpenTries(run);
  return told;
}

async function endOpenTries(run: SourceRun): Promise<void> {
  const { deps, source, journal } = run;
  const place = { source: source.name, target: source.target };
  const open = await readOpenEvents(deps, place);
  if (open.events.length === 0) return;
  const ledger = await readRelatedEvents(deps, { ...place, files: open.events });
  const states = new FileStates(ledger.events);
  // Tries that lost a race stay open for good; the target need not be read for them again and again.
  if (states.open().every((event) => isSettled(states, event))) return;
  const reading = await readTarget(deps, source.target, { ledger });
  const again = source.table === undefined ? eventTime(deps.clock.now()) : null;
  const tries = findOpenTries(reading);
  const events = tries.flatMap((one) =>
    one.rows === null
      ? [cutEvent(one, { seq: reading.seq, again })]
      : [committedEvent(one, reading.seq), ...heirEvents(one, reading, reading.seq)],
  );
  await recoverRawManifests(run, await journal.write(events));
}
