import { randomUUID } from 'node:crypto';
import { LakeError } from '../../base/lake-error.js';
import { fillSql, identifier, readSqlFile, type SqlFragment } from '../../base/sql-file.js';
import type { SqlRow } from '../../duckdb/values.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Action } from '../protocol/actions.js';
import { exactNumber, type Json, renderExactJson } from '../protocol/exact-json.js';
import {
  checkpointPath,
  LAST_CHECKPOINT,
  LOG_FOLDER,
  SIDECAR_FOLDER,
  uuidCheckpointPath,
} from '../protocol/log-names.js';
import { deletedFileRetention } from '../protocol/table-properties.js';
import { type CheckpointAdd, checkpointAdd, exactStats } from './checkpoint-add.js';
import type { WriteDeps } from './data-files.js';

const ROWS_PER_INSERT = 5000;
/** File actions in one sidecar; readers may read them side by side. */
const ROWS_PER_SIDECAR = 100_000;

export interface CheckpointOptions {
  /** File actions in one sidecar of a V2 checkpoint. */
  readonly rowsPerSidecar?: number;
}

/** Everything but files (PROTOCOL.md, "Checkpoints": no `commitInfo`, no removed domains). */
function otherActions(snapshot: Snapshot): Action[] {
  return [
    { protocol: snapshot.protocol },
    { metaData: snapshot.metadata },
    ...[...snapshot.txns.values()].map((txn) => ({ txn })),
    ...[...snapshot.domains.values()].filter((d) => !d.removed).map((domainMetadata) => ({ domainMetadata })),
  ];
}

/** The files at `now`: without expired tombstones, and without the fields of a tombstone that only commits have. */
function* fileActions(snapshot: Snapshot, now: number): Generator<Action> {
  const expiry = now - deletedFileRetention(snapshot.metadata.configuration);
  for (const file of snapshot.tombstones) {
    if ((file.deletionTimestamp ?? 0) > expiry)
      yield { remove: { ...file, stats: null, tags: null, dataChange: false } };
  }
  for (const file of snapshot.files) yield { add: { ...file, dataChange: false } };
}

function renderAction(action: Action): string {
  if (!('txn' in action) || typeof action.txn.version === 'number') return JSON.stringify(action);
  const version = exactNumber(String(action.txn.version));
  return renderExactJson({ txn: { ...action.txn, version } } as unknown as Json);
}

/** What a checkpoint must hold when it is read back. */
interface Totals {
  adds: number;
  removes: number;
  txns: number;
  domains: number;
  metadatas: number;
  protocols: number;
  bytes: bigint;
}

function noTotals(): Totals {
  return { adds: 0, removes: 0, txns: 0, domains: 0, metadatas: 0, protocols: 0, bytes: 0n };
}

function count(totals: Totals, action: Action): void {
  if ('add' in action) {
    totals.adds += 1;
    totals.bytes += BigInt(action.add.size);
  } else if ('remove' in action) totals.removes += 1;
  else if ('txn' in action) totals.txns += 1;
  else if ('domainMetadata' in action) totals.domains += 1;
  else if ('metaData' in action) totals.metadatas += 1;
  else if ('protocol' in action) totals.protocols += 1;
}

function addCounts(totals: Totals, row: SqlRow | undefined): void {
  const number = (name: string) => Number(row?.[name] ?? 0);
  totals.adds += number('adds');
  totals.removes += number('removes');
  totals.txns += number('txns');
  totals.domains += number('domains');
  totals.metadatas += number('metadatas');
  totals.protocols += number('protocols');
  totals.bytes += BigInt(String(row?.['bytes'] ?? 0));
}

/** A checkpoint that lost something would lose it for good once the commits below are cleaned up. */
function assertSame(expected: Totals, found: Totals, place: string): void {
  for (const key of Object.keys(expected) as (keyof Totals)[]) {
    if (expected[key] === found[key]) continue;
    throw new LakeError('DELTA_LOG', `a new checkpoint has ${found[key]} ${key} instead of ${expected[key]}`, {
      place,
      hint: 'it was not put into use; the log is as it was',
    });
  }
}

/** A checkpoint in the making: its rows in a temporary table. */
interface Draft {
  readonly deps: WriteDeps;
  readonly snapshot: Snapshot;
  readonly table: SqlFragment;
  readonly add: CheckpointAdd;
}

/** Puts the actions into the table and returns what they come to. */
async function insertRows({ deps, table, add }: Draft, actions: Iterable<Action>): Promise<Totals> {
  const totals = noTotals();
  const insert = fillSql(readSqlFile('delta', 'checkpoint_rows'), { table });
  let lines: string[] = [];
  const flush = async () => {
    if (lines.length > 0) await deps.session.run(insert, { lines: lines.join('\n') });
    lines = [];
  };
  for (const action of actions) {
    count(totals, action);
    const parsed = add.structure !== undefined && 'add' in action ? exactStats(action.add.stats) : null;
    lines.push(parsed === null ? renderAction(action) : JSON.stringify({ ...action, parsed_stats: parsed }));
    if (lines.length === ROWS_PER_INSERT) await flush();
  }
  await flush();
  return totals;
}

function parameters({ add }: Draft): Record<string, string> {
  return add.structure === undefined ? {} : { structure: add.structure };
}

function* concat<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}

interface WrittenCheckpoint {
  readonly totals: Totals;
  readonly sizeInBytes: number;
}

async function writeClassic(draft: Draft): Promise<WrittenCheckpoint> {
  const { deps, snapshot, table, add } = draft;
  const { session, store, clock } = deps;
  const totals = await insertRows(draft, concat(otherActions(snapshot), fileActions(snapshot, clock.now())));
  const temp = `${LOG_FOLDER}/.${randomUUID()}.tmp`;
  try {
    const file = store.newLocation(temp);
    const copy = fillSql(readSqlFile('delta', 'write_checkpoint'), { table, add: add.fragment, parsed: add.parsed });
    await session.run(copy, { file, ...parameters(draft) });
    const found = noTotals();
    addCounts(found, (await session.rows(readSqlFile('delta', 'count_checkpoint'), { file }))[0]);
    assertSame(totals, found, store.location(checkpointPath(snapshot.version)));
    const bytes = await store.get(temp);
    await store.put(checkpointPath(snapshot.version), bytes);
    return { totals, sizeInBytes: bytes.length };
  } finally {
    await store.delete(temp).catch(() => undefined);
  }
}

interface Sidecar {
  readonly path: string;
  readonly sizeInBytes: number;
  readonly modificationTime: number;
}

async function writeSidecar(draft: Draft, path: string, rows: { first: number; end: number }): Promise<Totals> {
  const { session, store } = draft.deps;
  const file = store.newLocation(path);
  const { table, add } = draft;
  const copy = fillSql(readSqlFile('delta', 'write_sidecar'), { table, add: add.fragment, parsed: add.parsed });
  await session.run(copy, { file, ...rows, ...parameters(draft) });
  await store.sync([path]);
  const found = noTotals();
  addCounts(found, (await session.rows(readSqlFile('delta', 'count_sidecar'), { file }))[0]);
  return found;
}

/** The files in sidecars, all else in a JSON file that names them. */
async function writeV2(draft: Draft, rowsPerSidecar: number): Promise<WrittenCheckpoint> {
  const { deps, snapshot } = draft;
  const { store, clock } = deps;
  const totals = await insertRows(draft, fileActions(snapshot, clock.now()));
  const rows = totals.adds + totals.removes;
  const written: string[] = [];
  try {
    const found = noTotals();
    const sidecars: Sidecar[] = [];
    for (let first = 0; first < rows; first += rowsPerSidecar) {
      const name = `${randomUUID()}.parquet`;
      const path = `${SIDECAR_FOLDER}/${name}`;
      written.push(path);
      const part = await writeSidecar(draft, path, { first, end: first + rowsPerSidecar });
      addCounts(found, { ...part, bytes: String(part.bytes) });
      const meta = await store.findMeta(path);
      sidecars.push({ path: name, sizeInBytes: meta?.size ?? 0, modificationTime: meta?.modified ?? clock.now() });
    }
    assertSame(totals, found, store.location(SIDECAR_FOLDER));
    const others = otherActions(snapshot);
    for (const action of others) count(totals, action);
    const tags = { numOfAddFiles: String(totals.adds), sidecarNumActions: String(rows) };
    const lines = [
      JSON.stringify({ checkpointMetadata: { version: snapshot.version, tags } }),
      ...others.map(renderAction),
      ...sidecars.map((sidecar) => JSON.stringify({ sidecar })),
    ];
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
    await store.put(uuidCheckpointPath(snapshot.version, randomUUID()), bytes);
    return { totals, sizeInBytes: sidecars.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, bytes.length) };
  } catch (error) {
    await Promise.all(written.map((path) => store.delete(path).catch(() => undefined)));
    throw error;
  }
}

/** The hint never goes back: another writer may have made a newer checkpoint meanwhile. */
async function writeHint({ store }: WriteDeps, version: number, written: WrittenCheckpoint): Promise<void> {
  try {
    const known: unknown = JSON.parse(new TextDecoder().decode(await store.get(LAST_CHECKPOINT))).version;
    if (typeof known === 'number' && known > version) return;
  } catch {
    // Absent or unreadable: as good as none.
  }
  const { totals, sizeInBytes } = written;
  const { adds, removes, txns, domains } = totals;
  const hint = { version, size: adds + removes + txns + domains + 2, sizeInBytes, numOfAddFiles: adds };
  await store.put(LAST_CHECKPOINT, new TextEncoder().encode(JSON.stringify(hint)));
}

function wantsV2({ protocol, metadata }: Snapshot): boolean {
  return (
    metadata.configuration['delta.checkpointPolicy']?.toLowerCase() === 'v2' &&
    protocol.readerFeatures?.includes('v2Checkpoint') === true
  );
}

/**
 * Writes a checkpoint of a snapshot, reads its totals back, and points `_last_checkpoint` at it: by the V2 specification
 * when the table has the feature and `delta.checkpointPolicy` is `v2`, else a classic one. Safe at any time: a file gets
 * its name when it is whole, and two writers of one version write the same state. Throws `DELTA_LOG` when what was written
 * is not what should be there. Source: PROTOCOL.md, "Checkpoints", "Sidecar Files", "Last Checkpoint File".
 */
export async function writeCheckpoint(
  deps: WriteDeps,
  snapshot: Snapshot,
  options: CheckpointOptions = {},
): Promise<void> {
  const table = identifier(`checkpoint_${randomUUID()}`);
  const draft: Draft = { deps, snapshot, table, add: checkpointAdd(snapshot) };
  try {
    await deps.session.run(fillSql(readSqlFile('delta', 'create_checkpoint_table'), { table }));
    const written = wantsV2(snapshot)
      ? await writeV2(draft, options.rowsPerSidecar ?? ROWS_PER_SIDECAR)
      : await writeClassic(draft);
    await writeHint(deps, snapshot.version, written);
  } finally {
    await deps.session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table }));
  }
}
