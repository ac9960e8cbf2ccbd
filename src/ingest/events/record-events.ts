import type { Clock } from '../../base/clock.js';
import {
  EVENT_TABLE,
  type LakeCatalog,
  type LedgerKey,
  MANIFEST_TABLE,
  openLedger,
  Staging,
} from '../../ledger/index.js';
import type { CanonicalManifest } from '../../manifest/index.js';
import type { FileEvent } from '../model.js';
import { findBronzeTables, type TargetReader } from '../verify/loaded-groups.js';
import { canonicalEvent } from './write-event.js';

/** What writing into the ledger needs. */
export interface LedgerWriter extends TargetReader {
  readonly key: LedgerKey;
  readonly clock: Clock;
}

/** Who does it, in which run. */
export interface RecordContext {
  readonly runId: string;
  readonly actor: string;
}

/** Events of one commit. */
const EVENTS_PER_COMMIT = 20_000;

/**
 * Makes a folder whose ledger is lost a lake again: one with bronze tables and without `metadata`. Any other folder is left as it is.
 */
export async function restoreLedgerFolder(catalog: LakeCatalog): Promise<void> {
  if ((await catalog.store.listFolders('')).includes('metadata')) return;
  if ((await findBronzeTables(catalog)).length === 0) return;
  for (const name of [EVENT_TABLE, MANIFEST_TABLE]) await catalog.ensure(name);
}

/** Records manifests that were checked, some thousands a commit. What the ledger has already changes nothing. Returns how many were new. */
export async function recordManifests(
  deps: LedgerWriter,
  manifests: Iterable<CanonicalManifest>,
  context: RecordContext,
): Promise<number> {
  await restoreLedgerFolder(deps.catalog);
  const ledger = await openLedger(deps);
  const staging = new Staging(deps.session, deps.key);
  let written = 0;
  const commit = async () => {
    await staging.flush();
    written += (await ledger.recordBatch(context)).events;
    await staging.begin();
  };
  await staging.begin();
  for (const manifest of manifests) {
    await staging.add(manifest);
    if (staging.size >= EVENTS_PER_COMMIT) await commit();
  }
  if (staging.size > 0) await commit();
  return written;
}

/** Writes events whose times are known into the ledger. Returns how many were new. */
export async function recordEvents(
  deps: LedgerWriter,
  events: readonly { readonly event: FileEvent; readonly ingestDate?: string | undefined }[],
  context: RecordContext,
): Promise<number> {
  if (events.length === 0) return 0;
  const manifests = events.map(({ event, ingestDate }) => canonicalEvent(event, ingestDate));
  return recordManifests(deps, manifests, context);
}
