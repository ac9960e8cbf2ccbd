import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parseStats } from '../protocol/stats.js';
import type { Stage } from '../write/commit.js';
import type { WriteDeps } from '../write/data-files.js';
import { type Bin, partitionKeys } from './plan-bins.js';
import { rewriteBins, rewriteStage } from './rewrite.js';

/** Files of one partition and about one size that are merged once there are this many. */
const FAN_IN = 8;
/** What one commit rewrites at most (one group always may): a writer pays for others' small files, but only so much. */
const MAX_FILES = 512;
const MAX_BYTES = 4 * 1024 * 1024;
/** Files above this many rows are left alone. */
const BIG_ROWS = 200_000;

/** Whether the table asks for compaction after commits (`delta.autoOptimize.autoCompact`); undefined when it does not say. */
export function autoCompact({ metadata }: Snapshot): boolean | undefined {
  const value = metadata.configuration['delta.autoOptimize.autoCompact']?.toLowerCase();
  return value === undefined ? undefined : value === 'true' || value === 'auto' || value === 'legacy';
}

function tierOf(file: AddFile): number {
  const written = parseStats(file.stats)?.numRecords ?? FAN_IN ** 6;
  const rows = written - (file.deletionVector?.cardinality ?? 0);
  return rows >= BIG_ROWS ? -1 : Math.floor(Math.log(Math.max(rows, 1)) / Math.log(FAN_IN));
}

/**
 * Groups of small files worth rewriting as one: `FAN_IN` or more of one size class in one partition. Because classes grow
 * by the same factor, a row is rewritten a logarithmic number of times however many small commits there are.
 * `near` limits the search to the partitions of those files.
 */
export function planCompaction(snapshot: Snapshot, near: readonly AddFile[]): Bin[] {
  const keyOf = partitionKeys(snapshot);
  const wanted = new Set(near.map(keyOf));
  const groups = new Map<string, { readonly partition: string; readonly files: AddFile[] }>();
  for (const file of snapshot.files) {
    const partition = keyOf(file);
    const tier = wanted.has(partition) ? tierOf(file) : -1;
    if (tier < 0) continue;
    const key = `${tier}${partition}`;
    const group = groups.get(key) ?? { partition, files: [] };
    group.files.push(file);
    groups.set(key, group);
  }
  const full = [...groups.values()].filter(({ files }) => files.length >= FAN_IN);
  return withinBounds(
    full.map((group) => ({ ...group, bytes: group.files.reduce((sum, file) => sum + file.size, 0) })),
  );
}

/** The first groups that one commit may rewrite; the others wait for a later commit near them. */
function withinBounds(groups: readonly Bin[]): Bin[] {
  let files = 0;
  let bytes = 0;
  return groups.filter((group) => {
    files += group.files.length;
    bytes += group.bytes;
    return files === group.files.length || (files <= MAX_FILES && bytes <= MAX_BYTES);
  });
}

/** Groups of one partition are written as one file: the partition has one small file then, whatever its tiers were. */
function joinPartitions(groups: readonly Bin[]): Bin[] {
  const joined = new Map<string, Bin>();
  for (const group of groups) {
    const known = joined.get(group.partition);
    const files = [...(known?.files ?? []), ...group.files];
    joined.set(group.partition, { partition: group.partition, files, bytes: (known?.bytes ?? 0) + group.bytes });
  }
  return [...joined.values()];
}

/** Rewrites the groups, each as one file per partition, without a change of data (Spark's OPTIMIZE). Commits nothing. */
export async function stageCompaction(
  deps: WriteDeps,
  snapshot: Snapshot,
  groups: readonly Bin[],
): Promise<{ readonly stage: Stage; readonly files: readonly AddFile[] }> {
  const bins = joinPartitions(groups);
  const rewritten = await rewriteBins(deps, snapshot, { bins, sortBy: [], targetSize: Number.MAX_SAFE_INTEGER });
  const stage = rewriteStage(snapshot, { rewritten, now: deps.clock.now(), auto: true });
  return { stage, files: rewritten.flatMap(({ adds }) => adds) };
}
