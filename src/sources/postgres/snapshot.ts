import { sleep } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import { readSqlFile } from '../../base/sql-file.js';
import type { OpenTransactions, SnapshotFacts } from './model.js';
import type { PostgresWire, WireRow } from './wire.js';

const OLDEST_VERSION = 130_000;
/** A transaction fixes its time just before it can be seen: what is looked for is older than the clock that was read by this. */
const BEFORE_LOOKING_MS = 20;
/** Tries to find a moment in which no transaction begins to write. */
const QUIET_TRIES = 3;

/** The server's time as the values of a column may have it. */
export interface ServerNow {
  readonly timestamptz: string;
  /** In UTC or in the zone of the server, whichever is earlier; the same for `date`. */
  readonly timestamp: string;
  readonly date: string;
  /** How much earlier than UTC that is, in seconds. */
  readonly zoneSeconds: number;
}

/** A transaction that reads one snapshot, and what is known of it. */
export interface OpenedSnapshot {
  readonly facts: SnapshotFacts;
  readonly now: ServerNow;
  /** Every transaction with this 64-bit id or a higher one began after it. */
  readonly xmax: bigint;
}

function one(rows: readonly WireRow[]): WireRow {
  return rows[0] ?? {};
}

function list<T>(text: string | null | undefined): T[] {
  return JSON.parse(text ?? '[]') as T[];
}

async function readClock(wire: PostgresWire, place: string) {
  const row = one(await wire.rows(readSqlFile('sources', 'pg_clock')));
  const version = row['version'] ?? '';
  if (Number(row['version_number']) < OLDEST_VERSION) {
    throw new LakeError('UNSUPPORTED', `PostgreSQL ${version} is too old`, {
      place,
      hint: 'it takes version 13 or newer',
    });
  }
  const now: ServerNow = {
    timestamptz: row['timestamptz'] ?? '',
    timestamp: row['timestamp'] ?? '',
    date: row['date'] ?? '',
    zoneSeconds: Number(row['zone_seconds']),
  };
  return { at: row['at'] ?? '', version, now };
}

/** What was open before the snapshot was taken, and after: a transaction that is prepared or ended meanwhile is in one of them. */
function openTransactions(activity: WireRow, facts: WireRow): OpenTransactions {
  const pids = list<number>(activity['pids']);
  const prepared = new Set([...list<string>(activity['prepared']), ...list<string>(facts['prepared'])]);
  // A replica does not know the transactions of the primary that have written nothing yet.
  const hidden = activity['is_hidden'] === 'true' || prepared.size > 0 || facts['is_replica'] === 'true';
  return {
    count: pids.length + prepared.size,
    oldestStartedAt: hidden ? null : (activity['started'] ?? null),
    pids,
    hidden,
  };
}

/**
 * Begins a transaction that reads one snapshot, after looking at what is open: what is not in the snapshot is open then, or began later than
 * `facts.at`. With `sequenced`, transactions that began to write between the look and the snapshot count as open too: their numbers may
 * be lower than some that are in the snapshot.
 */
export async function openSnapshot(wire: PostgresWire, place: string, sequenced: boolean): Promise<OpenedSnapshot> {
  const { at, version, now } = await readClock(wire, place);
  await sleep(BEFORE_LOOKING_MS);
  for (let tries = 1; ; tries++) {
    const activity = one(await wire.rows(readSqlFile('sources', 'pg_activity')));
    await wire.rows(readSqlFile('sources', 'pg_begin'));
    const facts = one(await wire.rows(readSqlFile('sources', 'pg_facts')));
    const open = openTransactions(activity, facts);
    const unsure = sequenced && open.count === 0 && activity['next_id'] !== facts['xmax'];
    if (unsure && tries < QUIET_TRIES) {
      await wire.rows(readSqlFile('sources', 'pg_rollback'));
      continue;
    }
    const xmax = BigInt(facts['xmax'] ?? 0);
    const seen = unsure ? { ...open, hidden: true } : open;
    return { facts: { at, xmin: facts['xmin'] ?? '0', open: seen, serverVersion: version }, now, xmax };
  }
}
