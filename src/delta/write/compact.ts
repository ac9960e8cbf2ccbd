import type { ObjectStore } from '../../storage/object-store.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parseStats } from '../protocol/stats.js';
import type { Stage } from './commit.js';
import { type WriteDeps, writeDataFiles } from './data-files.js';

/** Files of one partition and about one size that are merged once there are this many. */
const FAN_IN = 8;
/** What one commit rewrites at most (one group always may): a writer pays for others' small files, but only so much. */
const MAX_FILES = 512;
const MAX_BYTES = 4 * 1024 * 1024;
/** Files above this many rows are left alone. */
const BIG_ROWS = 200_000;

function tierOf(file: AddFile): number {
  const rows = parseStats(file.stats ?? undefined)?.numRecords ?? FAN_IN ** 6;
  return rows >= BIG_ROWS ? -1 : Math.floor(Math.log(Math.max(rows, 1)) / Math.log(FAN_IN));
}

function partitionKey(snapshot: Snapshot, file: AddFile): string {
  return JSON.stringify(snapshot.partitionColumns.map((column) => file.partitionValues[column] || null));
}

/**
 * Groups of small files worth rewriting as one: `FAN_IN` or more of one size class in one partition. Because classes grow
 * by the same factor, a row is rewritten a logarithmic number of times however many small commits there are.
 * `near` limits the search to the partitions of those files.
 */
export function planCompaction(snapshot: Snapshot, near: readonly AddFile[]): AddFile[][] {
  const wanted = new Set(near.map((file) => partitionKey(snapshot, file)));
  const groups = new Map<string, AddFile[]>();
  for (const file of snapshot.files) {
    const partition = partitionKey(snapshot, file);
    const tier = file.deletionVector == null && wanted.has(partition) ? tierOf(file) : -1;
    if (tier < 0) continue;
    const key = `${tier}${partition}`;
    const group = groups.get(key) ?? [];
    group.push(file);
    groups.set(key, group);
  }
  return withinBounds([...groups.values()].filter((group) => group.length >= FAN_IN));
}

/** The first groups that one commit may rewrite; the others wait for a later commit near them. */
function withinBounds(groups: readonly AddFile[][]): AddFile[][] {
  let files = 0;
  let bytes = 0;
  return groups.filter((group) => {
    files += group.length;
    bytes += group.reduce((sum, file) => sum + file.size, 0);
    return files === group.length || (files <= MAX_FILES && bytes <= MAX_BYTES);
  });
}

/** Rewrites the groups, each as one file per partition, without a change of data (Spark's OPTIMIZE). Commits nothing. */
export async function stageCompaction(
  deps: WriteDeps & { readonly store: ObjectStore },
  snapshot: Snapshot,
  groups: readonly (readonly AddFile[])[],
): Promise<{ readonly stage: Stage; readonly files: readonly AddFile[] }> {
  const files = groups.flat();
  const relation = await bindScan(deps.session, deps.store, { slot: 'compacted', snapshot, files });
  const adds = (await writeDataFiles(deps, snapshot, relation)).map((add) => ({ ...add, dataChange: false }));
  const now = deps.clock.now();
  const stage: Stage = {
    snapshot,
    actions: [
      ...files.map((file) => ({
        remove: {
          path: file.path,
          deletionTimestamp: now,
          dataChange: false,
          extendedFileMetadata: true,
          partitionValues: file.partitionValues,
          size: file.size,
        },
      })),
      ...adds.map((add) => ({ add })),
    ],
    reads: { wholeTable: false, files: new Set(files.map((file) => file.path)), appIds: new Set() },
    operation: 'OPTIMIZE',
    parameters: { predicate: [], zOrderBy: [], auto: true },
    metrics: { numAddedFiles: adds.length, numRemovedFiles: files.length },
  };
  return { stage, files: adds };
}
