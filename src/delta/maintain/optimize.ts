import { backoff, sleep } from '../../base/clock.js';
import { LakeError, usageError } from '../../base/lake-error.js';
import type { Snapshot } from '../log/snapshot.js';
import { type AddFile, fileKey } from '../protocol/actions.js';
import { assertWritable } from '../protocol/features.js';
import { byteCount } from './byte-count.js';
import type { MaintainDeps } from './maintain-deps.js';
import { filesWhere } from './partition-filter.js';
import { type Bin, planBins } from './plan-bins.js';
import { discardAdds, type RewrittenBin, rewriteBins, rewriteMetrics, rewriteStage } from './rewrite.js';

export interface OptimizeRequest {
  /** A SQL condition on partition columns: only these partitions. */
  readonly where?: string;
  /** Sorts the rows of every partition that is chosen; all its files are written again. */
  readonly sortBy?: readonly string[];
  /** Bytes of a file when it is full; default `delta.targetFileSize`, or 128 MiB. */
  readonly targetSize?: number;
  /** Only says what would be rewritten. */
  readonly dryRun?: boolean;
}

export interface OptimizeResult {
  /** The newest version afterwards. */
  readonly version: number;
  /** Versions that it committed. */
  readonly commits: readonly number[];
  readonly dryRun: boolean;
  readonly filesConsidered: number;
  readonly filesRemoved: number;
  /** What is known before the files are written: a dry run does not say. */
  readonly filesAdded: number | null;
  readonly bytesRemoved: number;
  readonly bytesAdded: number | null;
  readonly partitions: number;
  readonly deletionVectorsRemoved: number;
}

const DEFAULT_TARGET = 128 * 1024 * 1024;
/** What one commit rewrites at most; one bin always may. */
const COMMIT_BYTES = 1024 * 1024 * 1024;
const COMMIT_FILES = 10_000;
/** How often bins that another writer took away are planned again. */
const MAX_PASSES = 5;

function targetSizeOf(snapshot: Snapshot, asked: number | undefined): number {
  const size = asked ?? byteCount(snapshot.metadata.configuration['delta.targetFileSize']) ?? DEFAULT_TARGET;
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw usageError(`the target size is not a number of bytes: ${size}`);
}

/** The names of sort columns as the table has them. Throws a usage error for what cannot be sorted by. */
function sortColumns(snapshot: Snapshot, asked: readonly string[]): string[] {
  return asked.map((name) => {
    const field = snapshot.schema.fields.find((f) => f.name.toLowerCase() === name.toLowerCase());
    const place = `${snapshot.path}@${snapshot.version}`;
    if (field === undefined) throw usageError(`there is no column "${name}" to sort by`, { place });
    if (snapshot.partitionColumns.includes(field.name)) {
      throw usageError(`"${name}" is a partition column: its value is the same in the whole partition`, { place });
    }
    if (field.type.kind !== 'primitive') throw usageError(`"${name}" is not of a type that has an order`, { place });
    return field.name;
  });
}

function batchBins(bins: readonly Bin[]): Bin[][] {
  const batches: Bin[][] = [];
  let bytes = 0;
  let files = 0;
  for (const bin of bins) {
    bytes += bin.bytes;
    files += bin.files.length;
    const batch = batches.at(-1);
    if (batch !== undefined && bytes <= COMMIT_BYTES && files <= COMMIT_FILES) batch.push(bin);
    else {
      batches.push([bin]);
      bytes = bin.bytes;
      files = bin.files.length;
    }
  }
  return batches;
}

function isLive(snapshot: Snapshot): (bin: Bin) => boolean {
  const live = new Set(snapshot.files.map(fileKey));
  return (bin) => bin.files.every((file) => live.has(fileKey(file)));
}

/** Whether files that were written for one snapshot are right for another. */
function sameShape(a: Snapshot, b: Snapshot): boolean {
  return (
    a.metadata.schemaString === b.metadata.schemaString &&
    JSON.stringify(a.partitionColumns) === JSON.stringify(b.partitionColumns) &&
    a.mapping === b.mapping
  );
}

/** One run of OPTIMIZE. */
class Optimizer {
  readonly #deps: MaintainDeps;
  readonly #request: OptimizeRequest;
  readonly #commits: number[] = [];
  readonly #removed: AddFile[] = [];
  readonly #added: AddFile[] = [];
  readonly #partitions = new Set<string>();
  #snapshot: Snapshot;
  #done = 0;
  #total = 0;

  constructor(deps: MaintainDeps, snapshot: Snapshot, request: OptimizeRequest) {
    this.#deps = deps;
    this.#snapshot = snapshot;
    this.#request = request;
  }

  async run(): Promise<OptimizeResult> {
    const considered = (await filesWhere(this.#deps.session, this.#snapshot, this.#request.where)).length;
    let again: ReadonlySet<string> | undefined;
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const lost = await this.#pass(again);
      if (lost.size === 0) return this.#result(considered);
      again = lost;
      await sleep(backoff(this.#deps.clock, pass, 200));
      this.#snapshot = await this.#deps.snapshot();
    }
    if (this.#commits.length > 0) return this.#result(considered);
    throw new LakeError('DELTA_BUSY', 'others kept rewriting the files that were to be merged', {
      place: this.#snapshot.path,
      retryable: true,
      hint: 'run it again when less is being changed',
    });
  }

  /** Plans, rewrites and commits; returns the partitions of bins that another writer took away meanwhile. */
  async #pass(only: ReadonlySet<string> | undefined): Promise<Set<string>> {
    const files = await filesWhere(this.#deps.session, this.#snapshot, this.#request.where);
    const sortBy = sortColumns(this.#snapshot, this.#request.sortBy ?? []);
    const targetSize = targetSizeOf(this.#snapshot, this.#request.targetSize);
    const planned = planBins(this.#snapshot, files, { targetSize, sorted: sortBy.length > 0 });
    const bins = planned.filter((bin) => only === undefined || only.has(bin.partition));
    this.#total += bins.length;
    const lost = new Set<string>();
    for (const batch of batchBins(bins)) {
      if (this.#request.dryRun === true) this.#count(batch.map((bin) => ({ bin, adds: [] })));
      else for (const bin of await this.#batch(batch, { sortBy, targetSize })) lost.add(bin.partition);
    }
    return lost;
  }

  /** Rewrites and commits some bins; returns those that were lost. */
  async #batch(
    batch: readonly Bin[],
    options: { readonly sortBy: readonly string[]; readonly targetSize: number },
  ): Promise<readonly Bin[]> {
    const deps = this.#deps;
    const [bins, lost] = split(batch, isLive(this.#snapshot));
    if (bins.length === 0) return lost;
    const onBins = (count: number): void => {
      this.#done += count;
      deps.onProgress?.({ phase: 'write', done: this.#done, total: this.#total, unit: 'groups of files' });
    };
    let rewritten: readonly RewrittenBin[] = await rewriteBins(deps, this.#snapshot, { bins, ...options, onBins });
    try {
      while (rewritten.length > 0) {
        const { where } = this.#request;
        const stage = rewriteStage(this.#snapshot, {
          rewritten,
          now: deps.clock.now(),
          sortBy: options.sortBy,
          auto: false,
          ...(where === undefined ? {} : { predicate: [where] }),
        });
        const result = await deps.commit(stage);
        const before = this.#snapshot;
        this.#snapshot = result.snapshot;
        if (result.outcome === 'committed') {
          this.#commits.push(result.version);
          this.#count(rewritten);
          break;
        }
        // Files that are still right are committed as they are, on top of what won.
        const valid = isLive(result.snapshot);
        const [kept, gone] = split(rewritten, ({ bin }) => sameShape(before, result.snapshot) && valid(bin));
        rewritten = kept;
        lost.push(...gone.map(({ bin }) => bin));
        await this.#discard(gone);
      }
      return lost;
    } catch (error) {
      // Whether a commit that failed is there or not can be unknown; what a commit may name is not deleted.
      if (error instanceof LakeError && error.code === 'DELTA_UNSUPPORTED') await this.#discard(rewritten);
      throw error;
    }
  }

  #discard(rewritten: readonly RewrittenBin[]): Promise<void> {
    return discardAdds(
      this.#deps,
      rewritten.flatMap(({ adds }) => adds),
    );
  }

  #count(rewritten: readonly RewrittenBin[]): void {
    for (const { bin, adds } of rewritten) {
      this.#removed.push(...bin.files);
      this.#added.push(...adds);
      this.#partitions.add(bin.partition);
    }
  }

  #result(filesConsidered: number): OptimizeResult {
    const dryRun = this.#request.dryRun === true;
    const metrics = rewriteMetrics(this.#removed, this.#added);
    return {
      version: this.#snapshot.version,
      commits: this.#commits,
      dryRun,
      filesConsidered,
      filesRemoved: this.#removed.length,
      filesAdded: dryRun ? null : this.#added.length,
      bytesRemoved: metrics['numRemovedBytes'] ?? 0,
      bytesAdded: dryRun ? null : (metrics['numAddedBytes'] ?? 0),
      partitions: this.#partitions.size,
      deletionVectorsRemoved: metrics['numDeletionVectorsRemoved'] ?? 0,
    };
  }
}

function split<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const item of items) (test(item) ? yes : no).push(item);
  return [yes, no];
}

/**
 * Merges small files and purges deleted rows, partition by partition, without a change of data (Spark's OPTIMIZE). Commits
 * as often as bounded work needs. Never loses to an append; files that another writer changed meanwhile are planned again.
 * Throws `USAGE` for a condition or a column that does not fit, `DELTA_UNSUPPORTED`, `DELTA_BUSY`.
 */
export async function optimize(deps: MaintainDeps, request: OptimizeRequest = {}): Promise<OptimizeResult> {
  const snapshot = await deps.snapshot();
  assertWritable(snapshot.protocol, snapshot.metadata, `${snapshot.path}@${snapshot.version}`);
  return new Optimizer(deps, snapshot, request).run();
}
