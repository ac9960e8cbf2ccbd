import { type Clock, eventTime } from '../../base/clock.js';
import type { Session } from '../../duckdb/session.js';
import { type Ledger, type LedgerKey, Staging } from '../../ledger/index.js';
import type { FileEvent } from '../model.js';
import { canonicalEvent } from './write-event.js';

export interface JournalDeps {
  readonly session: Session;
  readonly ledger: Ledger;
  readonly key: LedgerKey;
  readonly clock: Clock;
  readonly runId: string;
  readonly actor: string;
  /** `YYYY-MM-DD`: the partition of everything that the run brings. */
  readonly ingestDate: string;
}

/** An event without its time. */
export type NewEvent = Omit<FileEvent, 'at'>;

/** Writes what happens to files into the event log, each call as one commit (and the canonical MERGE). */
export class Journal {
  readonly #deps: JournalDeps;
  #last = 0;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  /** Commits events, each later than the one before; none makes no commit. Returns them with their times. */
  async write(events: readonly NewEvent[]): Promise<readonly FileEvent[]> {
    if (events.length === 0) return [];
    const { session, ledger, key, runId, actor, ingestDate } = this.#deps;
    const staging = new Staging(session, key);
    await staging.begin();
    const timed = events.map((event): FileEvent => ({ ...event, at: this.#now() }));
    for (const event of timed) await staging.add(canonicalEvent(event, ingestDate));
    await staging.flush();
    await ledger.recordBatch({ runId, actor });
    await staging.begin();
    // The next batch begins with what this one had.
    await session.releaseMemory();
    return timed;
  }

  /** Two events of one file are never of one moment: the canonical row goes by time. */
  #now(): string {
    this.#last = Math.max(this.#deps.clock.now(), this.#last + 1);
    return eventTime(this.#last);
  }
}
