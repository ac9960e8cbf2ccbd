import {
  fillSql,
  identifier,
  identifiers,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile, Txn } from '../protocol/actions.js';
import type { Stage } from './commit.js';
import type { WriteDeps } from './data-files.js';
import { columnFilter } from './key-filter.js';
import { ROW_CHANGES, type StagedRowChanges, stageRowChanges } from './row-changes.js';

/** Which rows of the table a MERGE may look at: those whose key is in `source`. */
export interface LocateRequest {
  /** A table or view of the session that has the key columns. */
  readonly source: string;
  /** Columns that source and target share and that the ON clause compares. */
  readonly keys: readonly string[];
}

/** The temporary table that `locateRows` fills: the table's columns and `_file_index`, `_file_row`. */
export const LOCATED = '_merge_located';

/** The rows found in one snapshot; valid until the next `locateRows` of the session. */
export interface LocatedRows extends LocateRequest {
  readonly snapshot: Snapshot;
  /** The files that were searched; `_file_index` counts in them. */
  readonly candidates: readonly AddFile[];
  readonly mightHold: (file: AddFile) => boolean;
}

/** A MERGE of a table of the session into a Delta table. */
export interface MergeRequest {
  /** One MERGE statement of DuckDB, INTO the temporary table named by `target`. */
  readonly statement: string;
  readonly params?: SqlParams;
  /** The name that the statement uses for the Delta table. */
  readonly target: string;
  /** Committed together with the rows. */
  readonly txn?: Txn;
}

export interface MergeCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** `stage` is absent when the merge changes nothing and carries no `txn`. */
export interface StagedMerge {
  readonly counts: MergeCounts;
  readonly stage?: Stage;
  /** New data files. */
  readonly adds: readonly AddFile[];
  /** New data files, to be deleted when the stage is given up. */
  readonly files: readonly { readonly path: string }[];
}

interface Names {
  readonly located: SqlFragment;
  readonly target: SqlFragment;
  readonly changed: SqlFragment;
  readonly source: SqlFragment;
  readonly keys: SqlFragment;
  readonly columns: SqlFragment;
  readonly same_key: SqlFragment;
  readonly [name: string]: SqlFragment;
}

function namesOf({ snapshot, source, keys }: LocatedRows, target: string): Names {
  const sameKey = keys.map((key) => trustedFragment(`a.${identifier(key)} IS NOT DISTINCT FROM b.${identifier(key)}`));
  const columns = snapshot.schema.fields.map((field) => field.name);
  return {
    located: identifier(LOCATED),
    changed: identifier('_merge_changed'),
    target: identifier(target),
    source: identifier(source),
    keys: identifiers(keys),
    columns: identifiers(columns),
    same_key: joinFragments(sameKey, ' AND '),
  };
}

/** Conservative: whether a file could hold a row with one of the source's keys. */
function keyPruning(session: Session, snapshot: Snapshot, request: LocateRequest) {
  const [key] = request.keys;
  const field = snapshot.schema.fields.find(({ name }) => name === key);
  if (key === undefined || field === undefined) return () => true;
  return columnFilter(session, snapshot, { field, source: identifier(request.source), column: key });
}

interface Outcome {
  readonly counts: MergeCounts;
  readonly sourceRows: number;
}

/** Runs the statement on the located rows and finds out what it changed. */
async function runStatement(session: Session, names: Names, request: MergeRequest): Promise<Outcome> {
  await session.run(fillSql(readSqlFile('delta', 'merge_target'), names));
  await session.run(request.statement, request.params);
  await session.run(fillSql(readSqlFile('delta', 'merge_changed_keys'), names));
  const [metrics] = await session.rows(fillSql(readSqlFile('delta', 'merge_metrics'), names));
  return {
    counts: {
      inserted: Number(metrics?.['inserted'] ?? 0),
      updated: Number(metrics?.['updated'] ?? 0),
      deleted: Number(metrics?.['deleted'] ?? 0),
    },
    sourceRows: Number(metrics?.['source'] ?? 0),
  };
}

function mergeStage(
  { located, request }: { readonly located: LocatedRows; readonly request: MergeRequest },
  staged: StagedRowChanges,
  outcome: Outcome,
): Stage {
  const { inserted, updated, deleted } = outcome.counts;
  const { metrics } = staged;
  return {
    snapshot: located.snapshot,
    actions: [...(request.txn === undefined ? [] : [{ txn: request.txn }]), ...staged.actions],
    reads: {
      wholeTable: false,
      mightRead: located.mightHold,
      files: new Set(located.candidates.map((file) => file.path)),
      appIds: new Set(request.txn === undefined ? [] : [request.txn.appId]),
    },
    operation: 'MERGE',
    parameters: {
      predicate: located.keys.map((key) => `target.${key} = source.${key}`).join(' AND '),
      matchedPredicates: [],
      notMatchedPredicates: [],
      notMatchedBySourcePredicates: [],
    },
    metrics: {
      numSourceRows: outcome.sourceRows,
      numTargetRowsInserted: inserted,
      numTargetRowsUpdated: updated,
      numTargetRowsDeleted: deleted,
      numTargetFilesAdded: metrics['numAddedFiles'] ?? 0,
      numTargetFilesRemoved: metrics['numRemovedFiles'] ?? 0,
      numOutputRows: inserted + updated,
    },
  };
}

async function stageRows(
  deps: WriteDeps,
  names: Names,
  { located, request }: { readonly located: LocatedRows; readonly request: MergeRequest },
): Promise<StagedMerge> {
  const outcome = await runStatement(deps.session, names, request);
  const { inserted, updated, deleted } = outcome.counts;
  const unchanged = inserted + updated + deleted === 0;
  if (unchanged && request.txn === undefined) return { counts: outcome.counts, adds: [], files: [] };
  const { snapshot, candidates } = located;
  await deps.session.run(fillSql(readSqlFile('delta', 'merge_changes'), names));
  const staged = await stageRowChanges(deps, { snapshot, files: candidates });
  return {
    counts: outcome.counts,
    stage: mergeStage({ located, request }, staged, outcome),
    adds: staged.adds,
    files: staged.files,
  };
}

/**
 * Finds the rows of one snapshot whose key is in `source` and puts them into the temporary table `LOCATED`. Files whose
 * statistics rule the keys out are not opened.
 */
export async function locateRows(deps: WriteDeps, snapshot: Snapshot, request: LocateRequest): Promise<LocatedRows> {
  const { session, store } = deps;
  const mightHold = await keyPruning(session, snapshot, request);
  const candidates = snapshot.files.filter(mightHold);
  const located: LocatedRows = { ...request, snapshot, candidates, mightHold };
  const relation = await bindScan(session, store, { slot: 'located', snapshot, files: candidates, position: true });
  await session.run(fillSql(readSqlFile('delta', 'merge_locate'), { ...namesOf(located, LOCATED), relation }));
  return located;
}

/**
 * Stages a MERGE on the located rows: runs the statement on them and finds the rows it changed. Writes data files, commits
 * nothing. A file whose rows stay the same is never rewritten, whatever the
 * statement assigned.
 */
export async function stageMerge(deps: WriteDeps, located: LocatedRows, request: MergeRequest): Promise<StagedMerge> {
  const names = namesOf(located, request.target);
  try {
    return await stageRows(deps, names, { located, request });
  } finally {
    // It would stand before a table of the same name in the session's next query, and it may be large.
    for (const table of [names.target, identifier(ROW_CHANGES)]) {
      await deps.session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table }));
    }
  }
}
