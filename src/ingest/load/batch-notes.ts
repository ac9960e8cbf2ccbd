import type { DeltaTable, Snapshot } from '../../delta/index.js';
import type { BatchMark } from './target.js';

const APP_ID = /^lakeledger\/(.+)→(.+)$/su;

/** A commit of `ingest` as the log of its target still tells it. */
export interface BatchNote extends BatchMark {
  /** When it was committed; ISO 8601 UTC. */
  readonly at: string;
  readonly version: number;
}

/** The mark of `ingest` in the metadata of a commit; others write there too, so anything may be found. */
function findMark(userMetadata: unknown): BatchMark | undefined {
  if (typeof userMetadata !== 'string' || !userMetadata.startsWith('{"lakeledger"')) return undefined;
  try {
    const mark = (JSON.parse(userMetadata) as { lakeledger?: Partial<BatchMark> }).lakeledger;
    const whole = typeof mark?.run_id === 'string' && typeof mark.source === 'string' && Array.isArray(mark.files);
    return whole ? (mark as BatchMark) : undefined;
  } catch {
    return undefined;
  }
}

/** The last batch of each source that committed to a target, by the name of the source. */
export function batchesOf(snapshot: Snapshot): ReadonlyMap<string, number> {
  const batches = new Map<string, number>();
  for (const [appId, txn] of snapshot.txns) {
    const [, source] = APP_ID.exec(appId) ?? [];
    if (source !== undefined) batches.set(source, Number(txn.version));
  }
  return batches;
}

/** The batches of a target whose commits are still in its log, oldest first. */
export async function readBatchNotes(table: DeltaTable): Promise<BatchNote[]> {
  const history = (await table.history()).reverse();
  return history.flatMap(({ userMetadata, timestamp, version }) => {
    const mark = findMark(userMetadata);
    return mark === undefined ? [] : [{ ...mark, at: timestamp, version }];
  });
}
