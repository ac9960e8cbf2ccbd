import type { SourceRun } from '../context.js';
import type { FilePlan } from '../plan/plan.js';
import {
  acceptedFingerprints,
  driftWords,
  historyColumns,
  knownNames,
  readSchemaHistory,
  recordLayouts,
  type SchemaPlan,
  type SchemaVersion,
  type SeenFile,
} from '../schema/index.js';
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

/** What the schema history says of the files of a batch, by their numbers. */
export interface BatchLayouts {
  readonly versions: ReadonlyMap<number, number>;
  /** What is new about a file's layout, in words. */
  readonly notes: ReadonlyMap<number, readonly string[]>;
}

/** Keeps the layouts of a batch in the schema history. */
export async function recordBatchLayouts(
  run: SourceRun,
  { plan, files }: { readonly plan: SchemaPlan; readonly files: readonly FilePlan[] },
): Promise<BatchLayouts> {
  const seen = (no: number): SeenFile[] => {
    const { file, fingerprint } = files[no] ?? {};
    if (file === undefined || fingerprint === undefined) return [];
    return [{ no, path: file.path, sha: fingerprint.sha256, businessDate: file.businessDate }];
  };
  const before = new Set((await readSchemaHistory(run.deps, run.target.name)).map(({ version }) => version));
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
  const fresh = [...versions.values()].some((version) => !before.has(version));
  const after = fresh ? await readSchemaHistory(run.deps, run.target.name) : [];
  const added = after.filter(({ version }) => !before.has(version) && version > 1);
  return {
    versions: new Map(
      plan.layouts.flatMap(({ fingerprint, files: nos }) => {
        const version = versions.get(fingerprint);
        return version === undefined ? [] : nos.map((no): [number, number] => [no, version]);
      }),
    ),
    notes: new Map(
      files.flatMap(({ file }, no): [number, string[]][] => {
        const news = added.filter(({ firstFile }) => firstFile === file.path);
        return news.length === 0 ? [] : [[no, news.map(newVersion)]];
      }),
    ),
  };
}

function newVersion({ version, drifts }: SchemaVersion): string {
  const [drift] = drifts;
  const words = drift === undefined ? [] : driftWords(drift);
  return `schema version ${version}${words.length === 0 ? '' : `: ${words.join('; ')}`}`;
}
