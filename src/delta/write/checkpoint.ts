import { randomUUID } from 'node:crypto';
import { fillSql, identifier, readSqlFile } from '../../base/sql-file.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Action } from '../protocol/actions.js';
import { checkpointPath, LAST_CHECKPOINT, LOG_FOLDER } from '../protocol/log-names.js';
import type { WriteDeps } from './data-files.js';

const DEFAULT_INTERVAL = 10;
const DEFAULT_TOMBSTONE_MS = 7 * 86_400_000;
const ROWS_PER_INSERT = 5000;

/** `delta.checkpointInterval` of the table, in commits; 10 when it is not set or not a whole number above 0. */
export function checkpointInterval(configuration: Readonly<Record<string, string>>): number {
  const value = Number(configuration['delta.checkpointInterval']);
  return Number.isSafeInteger(value) && value > 0 ? value : DEFAULT_INTERVAL;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  week: 7 * 86_400_000,
  day: 86_400_000,
  hour: 3_600_000,
  minute: 60_000,
  second: 1000,
  millisecond: 1,
};

/** Milliseconds of a Spark interval such as `interval 1 week` or `7 days`; undefined when it is not one. */
function parseInterval(text: string | undefined): number | undefined {
  const match = /^\s*(?:interval\s+)?(\d+)\s+(week|day|hour|minute|second|millisecond)s?\s*$/i.exec(text ?? '');
  const unit = UNIT_MS[match?.[2]?.toLowerCase() ?? ''];
  return match && unit !== undefined ? Number(match[1]) * unit : undefined;
}

function withoutNulls<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null && v !== undefined)) as T;
}

/** The actions of a checkpoint at `now` (PROTOCOL.md, "Checkpoints": no `commitInfo`, no expired tombstones). */
function checkpointActions(snapshot: Snapshot, now: number): Action[] {
  const retention =
    parseInterval(snapshot.metadata.configuration['delta.deletedFileRetentionDuration']) ?? DEFAULT_TOMBSTONE_MS;
  return [
    { protocol: snapshot.protocol },
    { metaData: snapshot.metadata },
    ...[...snapshot.txns.values()].map((txn) => ({ txn })),
    ...[...snapshot.domains.values()].filter((d) => !d.removed).map((domainMetadata) => ({ domainMetadata })),
    ...snapshot.tombstones
      .filter((file) => (file.deletionTimestamp ?? 0) > now - retention)
      .map((file) => ({ remove: withoutNulls({ ...file, stats: null, tags: null, dataChange: false }) })),
    ...snapshot.files.map((file) => ({ add: withoutNulls({ ...file, dataChange: false }) })),
  ];
}

/**
 * Writes the classic checkpoint of a snapshot and points `_last_checkpoint` at it. Safe at any time: the file is written
 * under another name and renamed when it is whole; two writers of one version write the same state.
 */
export async function writeCheckpoint(deps: WriteDeps, snapshot: Snapshot): Promise<void> {
  const { session, store, clock } = deps;
  const actions = checkpointActions(snapshot, clock.now());
  const table = identifier(`checkpoint_${randomUUID()}`);
  const temp = `${LOG_FOLDER}/.${randomUUID()}.tmp`;
  try {
    await session.run(fillSql(readSqlFile('delta', 'create_checkpoint_table'), { table }));
    const insert = fillSql(readSqlFile('delta', 'checkpoint_rows'), { table });
    for (let i = 0; i < actions.length; i += ROWS_PER_INSERT) {
      await session.run(insert, { actions: JSON.stringify(actions.slice(i, i + ROWS_PER_INSERT)) });
    }
    await session.run(fillSql(readSqlFile('delta', 'write_checkpoint'), { table }), { file: store.location(temp) });
    const bytes = await store.get(temp);
    await store.put(checkpointPath(snapshot.version), bytes);
    const hint = {
      version: snapshot.version,
      size: actions.length,
      sizeInBytes: bytes.length,
      numOfAddFiles: snapshot.files.length,
    };
    await store.put(LAST_CHECKPOINT, new TextEncoder().encode(JSON.stringify(hint)));
  } finally {
    await store.delete(temp).catch(() => undefined);
    await session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table }));
  }
}
