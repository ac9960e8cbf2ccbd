import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePartitionValue } from '../protocol/partition-values.js';
import { parseStats } from '../protocol/stats.js';

/** Files of one partition that are rewritten together. */
export interface Bin {
  /** See `partitionKeys`. */
  readonly partition: string;
  readonly files: readonly AddFile[];
  /** Of the rows that are not deleted, by the sizes of the files. */
  readonly bytes: number;
}

export interface BinOptions {
  /** Bytes of a file when it is full. */
  readonly targetSize: number;
  /** Every file is a candidate and a partition is one bin: its rows are to be sorted. */
  readonly sorted: boolean;
}

/** Files below this share of the target size are worth merging; between it and 1 a rewrite would gain little. */
const SMALL = 0.75;
/** Spark's `maxDeletedRowsRatio`: files with more rows deleted than this share are written again without them. */
const MAX_DELETED = 0.05;

/** A function that says which partition a file is in; equal values have equal keys however their writers spelled them. */
export function partitionKeys(snapshot: Snapshot): (file: Pick<AddFile, 'partitionValues'>) => string {
  const columns = snapshot.partitionColumns.map((name, i) => ({
    key: snapshot.physicalPartitionColumns[i] ?? name,
    type: snapshot.schema.fields.find((field) => field.name === name)?.type,
  }));
  return ({ partitionValues }) =>
    JSON.stringify(
      columns.map(({ key, type }) =>
        type === undefined ? null : parsePartitionValue(type, partitionValues[key] ?? null),
      ),
    );
}

/** The share of a file's rows that its deletion vector takes away; 1 when nobody knows how many rows it has. */
function deletedShare(file: AddFile): number {
  const deleted = file.deletionVector?.cardinality ?? 0;
  if (deleted === 0) return 0;
  const rows = parseStats(file.stats)?.numRecords ?? 0;
  return rows > 0 ? Math.min(1, deleted / rows) : 1;
}

interface Candidate {
  readonly file: AddFile;
  /** Its place among the files, so that a bin keeps their order. */
  readonly index: number;
  readonly bytes: number;
  readonly purged: boolean;
}

function candidateOf(file: AddFile, index: number): Candidate {
  const share = deletedShare(file);
  return { file, index, bytes: Math.ceil(file.size * (1 - share)), purged: share > MAX_DELETED };
}

function binOf(partition: string, candidates: readonly Candidate[]): Bin {
  const inOrder = [...candidates].sort((a, b) => a.index - b.index);
  return {
    partition,
    files: inOrder.map(({ file }) => file),
    bytes: inOrder.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function packPartition(candidates: readonly Candidate[], targetSize: number): Candidate[][] {
  const bins: Candidate[][] = [];
  let bin: Candidate[] = [];
  let bytes = 0;
  for (const candidate of [...candidates].sort((a, b) => a.bytes - b.bytes || a.index - b.index)) {
    if (bin.length > 0 && bytes + candidate.bytes > targetSize) {
      bins.push(bin);
      bin = [];
      bytes = 0;
    }
    bin.push(candidate);
    bytes += candidate.bytes;
  }
  if (bin.length > 0) bins.push(bin);
  return bins.filter((packed) => packed.length > 1 || packed.some(({ purged }) => purged));
}

/**
 * The files worth writing again, in bins of one partition each: small files as bins of about `targetSize` bytes, and files
 * of which too much is deleted. What this leaves behind is planned no second time.
 */
export function planBins(snapshot: Snapshot, files: readonly AddFile[], { targetSize, sorted }: BinOptions): Bin[] {
  const keyOf = partitionKeys(snapshot);
  const partitions = new Map<string, Candidate[]>();
  for (const [index, file] of files.entries()) {
    const candidate = candidateOf(file, index);
    if (!sorted && !candidate.purged && candidate.bytes >= targetSize * SMALL) continue;
    const key = keyOf(file);
    const found = partitions.get(key);
    if (found === undefined) partitions.set(key, [candidate]);
    else found.push(candidate);
  }
  return [...partitions].flatMap(([key, candidates]) => {
    const bins = sorted ? [candidates] : packPartition(candidates, targetSize);
    return bins.map((bin) => binOf(key, bin));
  });
}
