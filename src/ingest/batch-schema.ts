import type { SourceRun } from './context.js';
import type { FilePlan } from './plan.js';
import {
  acceptedFingerprints,
  historyColumns,
  knownNames,
  readSchemaHistory,
  recordLayouts,
  type SchemaPlan,
  type SeenFile,
} from './schema/index.js';
import type { NamedType } from './target.js';

/** The columns that the files of a source have had so far, and the layouts that may come. */
export async function sourceColumns(run: SourceRun): Promise<{
  readonly current: readonly NamedType[];
  readonly accepted: ReadonlySet<string>;
  /** Names of columns that never had a value. */
  readonly known: readonly string[];
}> {
  const history = await readSchemaHistory(run.deps, run.target.name);
  const accepted = acceptedFingerprints(history);
  const known = knownNames(history);
  // A transform makes other columns than those of the files.
  if (run.transform !== undefined) return { current: historyColumns(history), accepted, known };
  return { current: run.target.columns(await run.target.findSnapshot()), accepted, known };
}

/** Keeps the layouts of a batch in the schema history; returns the version of each file's layout by its number. */
export async function recordBatchLayouts(
  run: SourceRun,
  { plan, files }: { readonly plan: SchemaPlan; readonly files: readonly FilePlan[] },
): Promise<ReadonlyMap<number, number>> {
  const seen = (no: number): SeenFile[] => {
    const { file, fingerprint } = files[no] ?? {};
    if (file === undefined || fingerprint === undefined) return [];
    return [{ no, path: file.path, sha: fingerprint.sha256, businessDate: file.businessDate }];
  };
  const versions = await recordLayouts(run.deps, {
    dataset: run.target.name,
    runId: run.runId,
    layouts: plan.layouts.map(({ fingerprint, columns, pending, files: nos }) => ({
      fingerprint,
      columns,
      pending,
      files: nos.flatMap(seen),
    })),
  });
  return new Map(
    plan.layouts.flatMap(({ fingerprint, files: nos }) => {
      const version = versions.get(fingerprint);
      return version === undefined ? [] : nos.map((no): [number, number] => [no, version]);
    }),
  );
}
