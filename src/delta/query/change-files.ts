import type { Commit } from '../log/commit-file.js';
import type { Action, AddFile, CommitInfo, DeletionVector, RemoveFile } from '../protocol/actions.js';

export type InferredChange = 'insert' | 'delete';

/** Rows of one file that a commit changed. */
export interface ChangeFile {
  readonly version: number;
  /** As the scan takes it: with the deletion vector of the rows that are not part of the change. */
  readonly file: AddFile;
  /** What happened to the rows; undefined for a change data file, whose rows say it themselves. */
  readonly type?: InferredChange;
  /** Only the rows that `deleted` has and `kept` has not (PROTOCOL.md, "Deletion Vectors"). */
  readonly difference?: {
    readonly deleted: DeletionVector;
    readonly kept: DeletionVector | undefined;
  };
}

interface TrackedFile {
  readonly path: string;
  readonly partitionValues?: AddFile['partitionValues'] | null;
  readonly size?: number | null;
  readonly stats?: string | null;
  readonly deletionVector?: DeletionVector | null;
}

function asAdd(file: TrackedFile, withVector: boolean): AddFile {
  return {
    path: file.path,
    partitionValues: file.partitionValues ?? {},
    size: file.size ?? 0,
    modificationTime: 0,
    dataChange: true,
    ...(file.stats == null ? {} : { stats: file.stats }),
    ...(withVector && file.deletionVector != null ? { deletionVector: file.deletionVector } : {}),
  };
}

/** A MERGE of Spark's that found nothing to do may still name files that it wrote again as they were. */
function changedNothing(actions: readonly Action[]): boolean {
  const info: CommitInfo = actions.flatMap((a) => ('commitInfo' in a ? [a.commitInfo] : []))[0] ?? {};
  const counts = ['numTargetRowsInserted', 'numTargetRowsUpdated', 'numTargetRowsDeleted'];
  return info.operation === 'MERGE' && counts.every((name) => String(info.operationMetrics?.[name]) === '0');
}

function differences(version: number, removed: RemoveFile, added: AddFile): ChangeFile[] {
  const before = removed.deletionVector ?? undefined;
  const after = added.deletionVector ?? undefined;
  const file = asAdd({ ...added, partitionValues: added.partitionValues }, false);
  return [
    ...(after === undefined
      ? []
      : [{ version, file, type: 'delete' as const, difference: { deleted: after, kept: before } }]),
    ...(before === undefined
      ? []
      : [{ version, file, type: 'insert' as const, difference: { deleted: before, kept: after } }]),
  ];
}

/**
 * The files whose rows a commit changed: its change data files when it has some, else what it added and removed; a file
 * whose deletion vector was replaced counts by the difference (PROTOCOL.md, "Reader Requirements for AddCDCFile").
 */
export function changeFiles({ version, actions }: Commit): ChangeFile[] {
  const cdc = actions.flatMap((action) => ('cdc' in action ? [action.cdc] : []));
  if (cdc.length > 0) return cdc.map((file) => ({ version, file: asAdd(file, false) }));
  if (changedNothing(actions)) return [];
  const adds = actions.flatMap((a) => ('add' in a && a.add.dataChange !== false ? [a.add] : []));
  const removes = actions.flatMap((a) => ('remove' in a && a.remove.dataChange !== false ? [a.remove] : []));
  const removedByPath = new Map(removes.map((file) => [file.path, file]));
  const replaced = new Set(adds.map(({ path }) => path).filter((path) => removedByPath.has(path)));
  return [
    ...adds.flatMap((file): ChangeFile[] => {
      const removed = removedByPath.get(file.path);
      return removed === undefined
        ? [{ version, file: asAdd(file, true), type: 'insert' }]
        : differences(version, removed, file);
    }),
    ...removes
      .filter(({ path }) => !replaced.has(path))
      .map((file): ChangeFile => ({ version, file: asAdd(file, true), type: 'delete' })),
  ];
}

/** Splits files into groups in which no path is twice: a scan knows its files by their paths. */
export function withoutRepeats(files: readonly ChangeFile[]): ChangeFile[][] {
  const seen = new Map<string, number>();
  const groups: ChangeFile[][] = [];
  for (const change of files) {
    const round = seen.get(change.file.path) ?? 0;
    seen.set(change.file.path, round + 1);
    groups[round] ??= [];
    groups[round]?.push(change);
  }
  return groups;
}
