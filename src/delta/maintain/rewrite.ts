import { fillSql, identifiers, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import { exclusively } from '../../duckdb/exclusively.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { decodePath } from '../protocol/paths.js';
import type { Stage } from '../write/commit.js';
import { discardDataFiles, type WriteDeps, writeDataFiles } from '../write/data-files.js';
import { removeOf } from '../write/remove-file.js';
import { type Bin, partitionKeys } from './plan-bins.js';

/** A bin and the files that hold its rows now; no commit names them yet. */
export interface RewrittenBin {
  readonly bin: Bin;
  readonly adds: readonly AddFile[];
}

export interface RewriteOptions {
  readonly sortBy: readonly string[];
  /** Bytes of a file when it is full; only sorted rows are spread over several files. */
  readonly targetSize: number;
}

/** Bins up to this size are written together, at most so many partitions and bytes at once: one statement, one file each. */
const POOLED_BYTES = 16 * 1024 * 1024;
const POOL_BYTES = 64 * 1024 * 1024;
const POOL_PARTITIONS = 64;

/** Bins that one statement writes: a large one alone, small ones of different partitions together. */
function poolBins(bins: readonly Bin[]): Bin[][] {
  const pools: { readonly partitions: Set<string>; bytes: number; readonly bins: Bin[] }[] = [];
  const alone: Bin[][] = [];
  let open = 0;
  for (const bin of bins) {
    if (bin.bytes > POOLED_BYTES) {
      alone.push([bin]);
      continue;
    }
    let at = open;
    const fits = (i: number): boolean => {
      const pool = pools[i];
      if (pool === undefined) return true;
      return !pool.partitions.has(bin.partition) && pool.bytes + bin.bytes <= POOL_BYTES;
    };
    while (!fits(at)) at++;
    pools[at] ??= { partitions: new Set(), bytes: 0, bins: [] };
    const pool = pools[at];
    if (pool === undefined) continue;
    pool.partitions.add(bin.partition);
    pool.bytes += bin.bytes;
    pool.bins.push(bin);
    if (at === open && pool.partitions.size >= POOL_PARTITIONS) open++;
  }
  return [...alone, ...pools.map((pool) => pool.bins)];
}

async function writeSorted(
  deps: WriteDeps,
  snapshot: Snapshot,
  { relation, files }: { readonly relation: SqlFragment; readonly files: number },
): Promise<AddFile[]> {
  if (files === 1) return writeDataFiles(deps, snapshot, relation);
  const { session } = deps;
  const written: AddFile[] = [];
  await session.run(fillSql(readSqlFile('delta', 'optimize_stage'), { relation }));
  try {
    const [count] = await session.rows(readSqlFile('delta', 'optimize_count'));
    const rows = Number(count?.['rows'] ?? 0);
    const step = Math.max(1, Math.ceil(rows / files));
    for (let from = 0; from < rows; from += step) {
      await session.run(readSqlFile('delta', 'optimize_set_range'), { from, to: from + step });
      written.push(...(await writeDataFiles(deps, snapshot, trustedFragment(readSqlFile('delta', 'optimize_range')))));
    }
    return written;
  } catch (error) {
    await discardAdds(deps, written);
    throw error;
  } finally {
    await session.run(readSqlFile('delta', 'optimize_drop_stage'));
  }
}

async function rewritePool(
  deps: WriteDeps,
  snapshot: Snapshot,
  { bins, sortBy, targetSize }: RewriteOptions & { readonly bins: readonly Bin[] },
): Promise<RewrittenBin[]> {
  const files = bins.flatMap((bin) => bin.files);
  const scan = await bindScan(deps.session, deps.store, { slot: 'rewritten', snapshot, files });
  const sorted = readSqlFile('delta', 'optimize_sorted');
  const relation =
    sortBy.length === 0 ? scan : trustedFragment(fillSql(sorted, { relation: scan, columns: identifiers(sortBy) }));
  const [only] = bins;
  const parts = bins.length === 1 && only !== undefined ? Math.max(1, Math.ceil(only.bytes / targetSize)) : 1;
  const written = await writeSorted(deps, snapshot, { relation, files: sortBy.length === 0 ? 1 : parts });
  const adds = written.map((add) => ({ ...add, dataChange: false }));
  if (bins.length === 1 && only !== undefined) return [{ bin: only, adds }];
  const keyOf = partitionKeys(snapshot);
  return bins.map((bin) => ({ bin, adds: adds.filter((add) => keyOf(add) === bin.partition) }));
}

/** Writes the rows of bins as new files, without a change of data. Commits nothing; nothing stays when it fails. */
export async function rewriteBins(
  deps: WriteDeps,
  snapshot: Snapshot,
  { bins, ...options }: RewriteOptions & { readonly bins: readonly Bin[]; readonly onBins?: (bins: number) => void },
): Promise<RewrittenBin[]> {
  const rewritten: RewrittenBin[] = [];
  try {
    for (const pool of poolBins(bins)) {
      rewritten.push(
        ...(await exclusively(deps.session, () => rewritePool(deps, snapshot, { ...options, bins: pool }))),
      );
      options.onBins?.(pool.length);
    }
    return rewritten;
  } catch (error) {
    await discardAdds(
      deps,
      rewritten.flatMap(({ adds }) => adds),
    );
    throw error;
  }
}

/** Deletes files that no commit will name. */
export function discardAdds({ store }: Pick<WriteDeps, 'store'>, adds: readonly AddFile[]): Promise<void> {
  return discardDataFiles(
    store,
    adds.map((add) => decodePath(add.path)),
  );
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** The metrics of an OPTIMIZE under Spark's names. */
export function rewriteMetrics(removed: readonly AddFile[], added: readonly AddFile[]): Record<string, number> {
  const sizes = added.map((file) => file.size).sort((a, b) => a - b);
  return {
    numAddedFiles: added.length,
    numRemovedFiles: removed.length,
    numAddedBytes: sizes.reduce((sum, size) => sum + size, 0),
    numRemovedBytes: removed.reduce((sum, file) => sum + file.size, 0),
    minFileSize: quantile(sizes, 0),
    p25FileSize: quantile(sizes, 0.25),
    p50FileSize: quantile(sizes, 0.5),
    p75FileSize: quantile(sizes, 0.75),
    maxFileSize: quantile(sizes, 1),
    numDeletionVectorsRemoved: removed.filter((file) => file.deletionVector != null).length,
  };
}

export interface RewriteStageOptions {
  readonly rewritten: readonly RewrittenBin[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The partitions it was limited to, as SQL. */
  readonly predicate?: readonly string[];
  readonly sortBy?: readonly string[];
  /** Nobody asked for it: compaction after a commit. */
  readonly auto: boolean;
}

/** The commit of rewritten bins: Spark's OPTIMIZE. It reads only the files that it removes, so an append is no conflict. */
export function rewriteStage(snapshot: Snapshot, options: RewriteStageOptions): Stage {
  const removed = options.rewritten.flatMap(({ bin }) => bin.files);
  const added = options.rewritten.flatMap(({ adds }) => adds);
  return {
    snapshot,
    actions: [
      ...removed.map((file) => ({ remove: removeOf(file, options.now, false) })),
      ...added.map((add) => ({ add })),
    ],
    reads: { wholeTable: false, files: new Set(removed.map((file) => file.path)), appIds: new Set() },
    operation: 'OPTIMIZE',
    parameters: {
      predicate: options.predicate ?? [],
      zOrderBy: options.sortBy ?? [],
      clusterBy: [],
      auto: options.auto,
    },
    metrics: rewriteMetrics(removed, added),
  };
}
