import { systemClock } from '../../src/base/clock.js';
import { canonicalEvent } from '../../src/ingest/events/write-event.js';
import { type FileEvent, UNTRIED } from '../../src/ingest/model.js';
import type { Lake } from '../../src/lake.js';
import { openLedger } from '../../src/ledger/index.js';
import { Staging } from '../../src/ledger/staging.js';

/** A sha that is told apart by its first letters: `sha('a')`. */
export function sha(letters: string): string {
  return letters.padEnd(64, '0');
}

/** The time `n` seconds into a fixed day, as events have it. */
export function second(n: number): string {
  return `${new Date(Date.UTC(2026, 0, 2) + n * 1000).toISOString().slice(0, -1)}000Z`;
}

/** An event with everything that a test does not care about filled in. */
export function fileEvent(given: Partial<FileEvent> = {}): FileEvent {
  return {
    source: 'daily',
    target: 'bronze.daily',
    path: 'a.csv',
    sha: sha('a'),
    status: 'INGESTED',
    action: 'load',
    rule: 'new',
    reason: 'the first delivery of this path and of these bytes',
    seq: 1,
    at: second(given.seq ?? 1),
    runId: `run-${given.seq ?? 1}`,
    ...UNTRIED,
    detail: {},
    ...given,
  };
}

/** Writes events into the ledger of a lake the way `ingest` does: a batch per run, or all as one batch of `writer`. */
export async function recordEvents(lake: Lake, events: readonly FileEvent[], writer?: string): Promise<void> {
  const session = await lake.session();
  const ledger = await openLedger({ session, catalog: lake.catalog, clock: systemClock, key: 'file_sha' });
  for (const runId of writer === undefined ? new Set(events.map((event) => event.runId)) : [writer]) {
    const staging = new Staging(session, 'file_sha');
    await staging.begin();
    for (const event of events)
      if (writer !== undefined || event.runId === runId) await staging.add(canonicalEvent(event));
    await staging.flush();
    await ledger.recordBatch({ runId, actor: 'tester' });
  }
}
