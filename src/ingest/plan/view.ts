import { LakeError } from '../../base/lake-error.js';
import type { Snapshot } from '../../delta/index.js';
import type { LakeCatalog } from '../../ledger/index.js';
import type { ResolvedSource } from '../config/source-config.js';
import type { IngestDeps } from '../context.js';
import { hasFileEvents, readKnownBatch, readRelatedEvents } from '../events/read-events.js';
import type { BronzeTarget } from '../load/target.js';
import { readSchemaHistory } from '../schema/index.js';
import { findBronzeTables } from '../verify/loaded-groups.js';
import { statesBySource } from '../verify/target-reading.js';
import { FileStates } from './state.js';

/** What the decisions about the files of a source rest on. */
export interface View {
  readonly states: FileStates;
  readonly others: ReadonlyMap<string, FileStates>;
  readonly seq: number;
  /** Schema versions that wait to be accepted. */
  readonly pendingVersions: ReadonlySet<number>;
  /** The next version of the source's `txn` in the target. */
  readonly nextBatch: number;
}

export type ViewDeps = Pick<IngestDeps, 'session' | 'catalog'>;

/**
 * What is known about the files of a source, and the number of the batch that may be committed on the strength of it: a commit
 * that the events do not tell of is met as a lost race.
 * Throws `STATE_LOST` for a target with rows of which the ledger knows nothing: they would be loaded again (Decision 7).
 */
export async function readView(
  deps: ViewDeps,
  request: {
    readonly source: ResolvedSource;
    readonly target: BronzeTarget;
    readonly files: readonly { readonly path: string; readonly sha: string }[];
    /** The last batch whose end was told before this, as `recover` says. */
    readonly told?: number;
  },
): Promise<View> {
  const { source, target, files } = request;
  const snapshot = await target.findSnapshot();
  await assertStateKept(deps, { target: target.name, snapshot });
  // Never the number that the target has: a batch that the events do not tell of yet must make the next commit a lost race.
  const known = Math.max(await readKnownBatch(deps, { source: source.name, target: target.name }), request.told ?? 0);
  const { events: all, version } = await readRelatedEvents(deps, { target: target.name, files });
  const others = statesBySource(all.filter((event) => event.source !== source.name));
  const events = all.filter((event) => event.source === source.name);
  const history = events.some(({ errorCode }) => errorCode === 'SCHEMA_DRIFT')
    ? await readSchemaHistory(deps, target.name)
    : [];
  const pendingVersions = new Set(history.flatMap((one) => (one.status === 'pending' ? [one.version] : [])));
  return { states: new FileStates(events), seq: version, others, nextBatch: known + 1, pendingVersions };
}

/** Throws `STATE_LOST` for a target with rows of which the ledger knows nothing: they would be loaded again (Decision 7). */
export async function assertStateKept(
  deps: ViewDeps,
  { target, snapshot }: { readonly target: string; readonly snapshot: Snapshot | undefined },
): Promise<void> {
  if ((snapshot?.files.length ?? 0) === 0 || (await hasFileEvents(deps, { target }))) return;
  throw stateLost(deps.catalog.root, target, `${target} has rows, but the ledger has no state of it`);
}

function stateLost(place: string, target: string, problem: string): LakeError {
  return new LakeError('STATE_LOST', problem, { place, hint: `lakeledger state rebuild ${target}`.trim() });
}

/** Throws `STATE_LOST` for a lake with bronze tables and without a ledger. */
export async function assertLedgerKept(catalog: LakeCatalog): Promise<void> {
  if ((await catalog.store.listFolders('')).includes('metadata')) return;
  const [table] = await findBronzeTables(catalog);
  if (table !== undefined) throw stateLost(catalog.root, '', `${table} has rows, but the lake has no ledger`);
}
