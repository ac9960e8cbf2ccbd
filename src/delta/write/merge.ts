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
import type { Action, AddFile, Txn } from '../protocol/actions.js';
import { fileFilter, type Predicate } from '../protocol/predicate.js';
import type { Stage } from './commit.js';
import { type WriteDeps, writeDataFiles } from './data-files.js';
import { removeOf } from './remove-file.js';

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
  /** New data files, to be deleted when the stage is given up. */
  readonly files: readonly AddFile[];
}

/** More keys than this rarely leave a file out, and cost more than they save. */
const MAX_PRUNING_KEYS = 1000;

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
async function keyPruning(
  session: Session,
  snapshot: Snapshot,
  request: LocateRequest,
): Promise<(file: AddFile) => boolean> {
  const [key] = request.keys;
  const type = snapshot.schema.fields.find((field) => field.name === key)?.type;
  if (key === undefined || type?.kind !== 'primitive' || type.name !== 'string') return () => true;
  const sql = fillSql(readSqlFile('delta', 'merge_source_keys'), {
    key: identifier(key),
    source: identifier(request.source),
  });
  const rows = await session.rows(sql, { limit: MAX_PRUNING_KEYS + 1 });
  if (rows.length > MAX_PRUNING_KEYS) return () => true;
  const predicate: Predicate = {
    op: 'in',
    column: [key],
    values: rows.map((row) => ({ type: 'string', text: String(row['key']) })),
  };
  return fileFilter(predicate, snapshot);
}

interface Outcome {
  readonly counts: MergeCounts;
  readonly sourceRows: number;
  readonly touched: readonly AddFile[];
}

/** Runs the statement on the located rows and finds out what it changed. */
async function runStatement(
  session: Session,
  names: Names,
  request: MergeRequest,
): Promise<Omit<Outcome, 'touched'> & { touched: number[] }> {
  await session.run(fillSql(readSqlFile('delta', 'merge_target'), names));
  await session.run(request.statement, request.params);
  await session.run(fillSql(readSqlFile('delta', 'merge_changed_keys'), names));
  const [metrics] = await session.rows(fillSql(readSqlFile('delta', 'merge_metrics'), names));
  const touched = await session.rows(fillSql(readSqlFile('delta', 'merge_touched_files'), names));
  return {
    counts: {
      inserted: Number(metrics?.['inserted'] ?? 0),
      updated: Number(metrics?.['updated'] ?? 0),
      deleted: Number(metrics?.['deleted'] ?? 0),
    },
    sourceRows: Number(metrics?.['source'] ?? 0),
    touched: touched.map((row) => Number(row['file_index'])),
  };
}

interface StageParts {
  readonly outcome: Outcome;
  readonly adds: readonly AddFile[];
  readonly now: number;
}

function mergeStage(located: LocatedRows, request: MergeRequest, { outcome, adds, now }: StageParts): Stage {
  const { inserted, updated, deleted } = outcome.counts;
  const actions: Action[] = [
    ...(request.txn === undefined ? [] : [{ txn: request.txn }]),
    ...outcome.touched.map((file) => ({ remove: removeOf(file, now) })),
    ...adds.map((add) => ({ add })),
  ];
  return {
    snapshot: located.snapshot,
    actions,
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
      numTargetFilesAdded: adds.length,
      numTargetFilesRemoved: outcome.touched.length,
      numOutputRows: inserted + updated,
    },
  };
}

async function stageRows(
  deps: WriteDeps,
  names: Names,
  { located, request }: { readonly located: LocatedRows; readonly request: MergeRequest },
): Promise<StagedMerge> {
  const { session, store } = deps;
  const ran = await runStatement(session, names, request);
  const touched = ran.touched.flatMap((i) => located.candidates[i] ?? []);
  const { inserted, updated, deleted } = ran.counts;
  const unchanged = inserted + updated + deleted === 0;
  if (unchanged && request.txn === undefined) return { counts: ran.counts, files: [] };
  let adds: AddFile[] = [];
  if (!unchanged) {
    const relation = await bindScan(session, store, { slot: 'touched', snapshot: located.snapshot, files: touched });
    const rewrite = trustedFragment(fillSql(readSqlFile('delta', 'merge_rewrite'), { ...names, relation }));
    adds = await writeDataFiles(deps, located.snapshot, rewrite);
  }
  const stage = mergeStage(located, request, { outcome: { ...ran, touched }, adds, now: deps.clock.now() });
  return { counts: ran.counts, stage, files: adds };
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
 * Stages a MERGE on the located rows by copy-on-write: runs the statement on them and rewrites the files that hold a row
 * it changed. Writes data files, commits nothing. A file whose rows stay the same is never rewritten, whatever the
 * statement assigned.
 */
export async function stageMerge(deps: WriteDeps, located: LocatedRows, request: MergeRequest): Promise<StagedMerge> {
  const names = namesOf(located, request.target);
  try {
    return await stageRows(deps, names, { located, request });
  } finally {
    // It would stand before a table of the same name in the session's next query, and it may be large.
    await deps.session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: names.target }));
  }
}
