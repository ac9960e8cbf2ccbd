import { backoff, type Clock, sleep } from '../base/clock.js';
import { fillSql, identifier, readSqlFile, trustedFragment } from '../base/sql-file.js';
import {
  type AddFile,
  type Commit,
  type DeltaTable,
  LOCATED,
  type LocatedRows,
  locateRows,
  type MergeCounts,
  NO_READS,
  type Snapshot,
  stageMerge,
} from '../delta/index.js';
import type { Session } from '../duckdb/session.js';

/** The application id under which the canonical table remembers the version of the event log that is folded into it. */
const APPLIED = 'lakeledger/ingestion_event';

/** Key column of the canonical table; see `sql/ledger/stage_incoming.sql`. */
const KEYS = ['manifest_id'];

/** Events folded by one statement; its memory grows with them. */
const EVENTS_PER_FOLD = 16_384;

/** Longest pause before a lost race is run again. */
const MAX_WAIT_MS = 200;

export interface LedgerDeps {
  readonly session: Session;
  readonly clock: Clock;
  readonly canonical: DeltaTable;
  readonly events: DeltaTable;
  /** The MERGE statement; see `sql/ledger/merge.sql`. */
  readonly mergeSql: string;
}

export interface BatchContext {
  readonly runId: string;
  readonly actor: string;
}

/** How the keys of a batch fared. */
export interface BatchCounts {
  readonly events: number;
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
}

/** The newest versions of both tables, and the events between them that are not folded yet. */
interface View {
  readonly canonical: Snapshot;
  readonly events: Snapshot;
  readonly pending: readonly AddFile[];
}

function nowText(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

/** The version of the event log that is folded into a canonical snapshot; version 0 has no rows. */
export function appliedVersion(canonical: Snapshot): number {
  return Number(canonical.txns.get(APPLIED)?.version ?? 0);
}

function dataFiles(commits: readonly Commit[]): AddFile[] {
  return commits.flatMap((commit) => commit.actions.flatMap((a) => ('add' in a && a.add.dataChange ? [a.add] : [])));
}

/**
 * The event log and the canonical table folded from it. Events are committed first and are the truth; the canonical
 * table follows, and its commit says (in a `txn`) up to which version of the event log it goes. Whoever comes next folds
 * what is missing, so a crash between the two commits needs no repair of its own, and two runs at once help each other.
 */
export class Ledger {
  readonly #deps: LedgerDeps;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /** Folds events that are committed but not yet in the canonical table. Returns whether there were any. */
  async catchUp(): Promise<boolean> {
    const { session } = this.#deps;
    await session.run(readSqlFile('ledger', 'create_incoming'));
    const view = await this.#view();
    if (view.pending.length === 0) return false;
    await this.#foldUpTo(view.events.version);
    return true;
  }

  /** What recording the staged batch would do; commits nothing. */
  async preview(context: BatchContext): Promise<BatchCounts> {
    const view = await this.#view();
    await this.#locate(view);
    await this.#decide(view, context);
    return this.#countDecided();
  }

  /** Records the manifests in `incoming_manifest`: commits their events, then folds them into the canonical table. */
  async recordBatch(context: BatchContext): Promise<BatchCounts> {
    let written: readonly AddFile[] | undefined;
    for (let attempt = 0; ; attempt++) {
      const view = await this.#view();
      const located = await this.#locate(view);
      await this.#decide(view, context);
      const counts = await this.#countDecided();
      if (counts.events === 0) {
        if (written !== undefined) await this.#deps.events.discard(written);
        if (view.pending.length > 0) await this.#foldUpTo(view.events.version);
        return counts;
      }
      const files = await this.#writeEvents(view, written);
      const result = await this.#deps.events.commit({
        snapshot: view.events,
        actions: files.map((add) => ({ add })),
        // Every event that somebody else commits may be about the same key, and changes what is decided here.
        reads: { ...NO_READS, wholeTable: true },
        operation: 'WRITE',
        parameters: { mode: 'Append', partitionBy: view.events.partitionColumns },
        metrics: { numFiles: files.length, numOutputRows: counts.events },
      });
      if (result.outcome === 'conflict') {
        written = files;
        await sleep(backoff(this.#deps.clock, attempt, MAX_WAIT_MS));
        continue;
      }
      if (counts.events > EVENTS_PER_FOLD) await this.#deps.session.releaseMemory();
      const merged = await this.#foldNew(view, located, result.version);
      await this.#deps.events.compactNear(files);
      // What a replaced MERGE statement really did; the decided numbers stand in where others' events were folded along.
      return merged === undefined ? counts : { ...counts, inserted: merged.inserted, updated: merged.updated };
    }
  }

  async #view(): Promise<View> {
    const { session, canonical, events } = this.#deps;
    const [canonicalNow, eventsNow] = [await canonical.snapshot(), await events.snapshot()];
    const commits = await this.#commitsSince(appliedVersion(canonicalNow), eventsNow);
    const pending = dataFiles(commits);
    const relation = await events.scan({ slot: 'pending', snapshot: eventsNow, files: pending });
    await session.run(fillSql(readSqlFile('ledger', 'create_pending'), { relation }));
    return { canonical: canonicalNow, events: eventsNow, pending };
  }

  async #commitsSince(version: number, events: Snapshot): Promise<readonly Commit[]> {
    if (version >= events.version) return [];
    return (await this.#deps.events.commitsAfter(version)).filter((commit) => commit.version <= events.version);
  }

  async #locate(view: View): Promise<LocatedRows> {
    const { session, canonical } = this.#deps;
    await session.run(readSqlFile('ledger', 'collect_keys'));
    const located = await locateRows(await canonical.writeDeps(), view.canonical, { source: 'batch_key', keys: KEYS });
    await session.run(fillSql(readSqlFile('ledger', 'read_state'), { located: identifier(LOCATED) }));
    return located;
  }

  async #decide(view: View, context: BatchContext): Promise<void> {
    const { session, events, clock } = this.#deps;
    await session.run(readSqlFile('ledger', 'create_seen_events'));
    const [unsure] = await session.rows(readSqlFile('ledger', 'count_unsure_keys'));
    if (Number(unsure?.['keys'] ?? 0) > 0) {
      const relation = await events.scan({ slot: 'seen', snapshot: view.events, files: view.events.files });
      await session.run(fillSql(readSqlFile('ledger', 'find_seen_events'), { relation }));
    }
    const { runId, actor } = context;
    await session.run(readSqlFile('ledger', 'create_context'), { now: nowText(clock), run_id: runId, actor });
    await session.run(readSqlFile('ledger', 'decide_events'));
    await session.run(readSqlFile('ledger', 'create_new_event'));
  }

  async #countDecided(): Promise<BatchCounts> {
    const [row] = await this.#deps.session.rows(readSqlFile('ledger', 'count_decided'));
    const count = (name: string): number => Number(row?.[name] ?? 0);
    return {
      events: count('events'),
      inserted: count('inserted'),
      updated: count('updated'),
      unchanged: count('unchanged'),
    };
  }

  /** Data files of the decided events; those of the attempt before, if the lost race changed nothing about them. */
  async #writeEvents(view: View, written: readonly AddFile[] | undefined): Promise<readonly AddFile[]> {
    const { session, events } = this.#deps;
    if (written !== undefined) {
      const before = await events.scan({ slot: 'written', snapshot: view.events, files: written });
      const [row] = await session.rows(fillSql(readSqlFile('ledger', 'count_redecided'), { before }));
      if (Number(row?.['changed'] ?? 1) === 0) return written;
      await events.discard(written);
    }
    return events.writeFiles(view.events, trustedFragment(readSqlFile('ledger', 'select_new_events')));
  }

  /** Folds this batch's events, with the rows that were located for deciding them when nobody else committed meanwhile. */
  async #foldNew(view: View, located: LocatedRows, version: number): Promise<MergeCounts | undefined> {
    const { canonical } = this.#deps;
    const alone = view.pending.length === 0;
    if (version === view.events.version + 1) {
      const current = await canonical.snapshot();
      if (current.version === view.canonical.version) {
        const counts = await this.#fold(located, version);
        if (counts !== undefined) return alone ? counts : undefined;
      }
    }
    await this.#foldUpTo(version);
    return undefined;
  }

  /** Folds until the canonical table goes at least up to `version` of the event log. */
  async #foldUpTo(version: number): Promise<void> {
    await this.#deps.session.run(readSqlFile('ledger', 'clear_decided'));
    for (let attempt = 0; ; attempt++) {
      const view = await this.#view();
      if (appliedVersion(view.canonical) >= version) return;
      const located = await this.#locate(view);
      if ((await this.#fold(located, view.events.version)) !== undefined) return;
      await sleep(backoff(this.#deps.clock, attempt, MAX_WAIT_MS));
    }
  }

  /** Fills `staged_manifest`: the pending and the new events of each key folded with what its canonical row remembers. */
  async #stageFold(now: string): Promise<void> {
    const { session } = this.#deps;
    const [row] = await session.rows(readSqlFile('ledger', 'count_to_fold'));
    const slices = Math.max(1, Math.ceil(Number(row?.['events'] ?? 0) / EVENTS_PER_FOLD));
    await session.run(readSqlFile('ledger', 'create_staged'));
    for (let slice = 0; slice < slices; slice++) {
      await session.run(readSqlFile('ledger', 'fold'), { now, slice, slices });
      if (slices > 1) await session.releaseMemory();
    }
  }

  /** One attempt to merge the pending events; undefined when another run was faster. */
  async #fold(located: LocatedRows, version: number): Promise<MergeCounts | undefined> {
    const { session, canonical, clock, mergeSql } = this.#deps;
    await this.#stageFold(nowText(clock));
    // The texts of the batch have served; the rest of the work gets their memory.
    await session.run(readSqlFile('ledger', 'create_incoming'));
    const staged = await stageMerge(
      await canonical.writeDeps(),
      { ...located, source: 'staged_manifest' },
      {
        statement: mergeSql,
        target: 'ingestion_manifest',
        txn: { appId: APPLIED, version, lastUpdated: clock.now() },
      },
    );
    if (staged.stage === undefined) return staged.counts;
    const result = await canonical.commit(staged.stage);
    if (result.outcome === 'conflict') {
      await canonical.discard(staged.files);
      return undefined;
    }
    await canonical.compactNear(staged.adds);
    return staged.counts;
  }
}
