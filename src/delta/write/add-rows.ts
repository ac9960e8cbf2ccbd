import { LakeError, usageError } from '../../base/lake-error.js';
import { fillSql, identifier, identifiers, readSqlFile, type SqlFragment } from '../../base/sql-file.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Action, AddFile, Txn } from '../protocol/actions.js';
import { parseStats } from '../protocol/stats.js';
import type { Stage } from './commit.js';
import { type Condition, parseCondition } from './condition.js';
import { NO_READS } from './conflicts.js';
import { type WriteDeps, writeDataFiles } from './data-files.js';
import { dropNewRows, type NewRows, type NewRowsRequest, stageNewRows } from './new-rows.js';
import { removeOf } from './remove-file.js';
import { ROW_CHANGES, rowsIn, type StagedRowChanges, stageRowChanges } from './row-changes.js';
import { fillWhere, nullColumns, readsOf, type StagedOperation } from './rows-where.js';
import { evolvedSnapshot } from './table-metadata.js';

export interface AppendRequest extends NewRowsRequest {
  /** Committed with the rows; a version that the table already has for the application makes the append a no-op. */
  readonly txn?: Txn | undefined;
  /** Rows that go in the same commit: an SQL condition over the table as it was, with `params`. */
  readonly deleteWhere?: string | undefined;
  /** Text of the caller's that stays in the history (`commitInfo.userMetadata`). */
  readonly userMetadata?: string | undefined;
}

export interface OverwriteRequest extends NewRowsRequest {
  /** Only rows that meet this condition are replaced, and the new rows must meet it. */
  readonly replaceWhere?: string | undefined;
  /** With `overwriteSchema`: the partition columns from now on. */
  readonly partitionColumns?: readonly string[] | undefined;
}

type Request = AppendRequest & OverwriteRequest;

function rowsOf(adds: readonly AddFile[]): number {
  return adds.reduce((sum, add) => sum + (parseStats(add.stats)?.numRecords ?? 0), 0);
}

function outputMetrics(adds: readonly AddFile[]): Record<string, number> {
  return {
    numFiles: adds.length,
    numOutputRows: rowsOf(adds),
    numOutputBytes: adds.reduce((sum, add) => sum + add.size, 0),
  };
}

async function withNewRows(
  deps: WriteDeps,
  { snapshot, request }: { readonly snapshot: Snapshot; readonly request: Request },
  work: (rows: NewRows) => Promise<StagedOperation>,
): Promise<StagedOperation> {
  try {
    return await work(await stageNewRows(deps.session, snapshot, request));
  } finally {
    await dropNewRows(deps.session);
  }
}

function txnActions({ txn }: AppendRequest): Action[] {
  return txn === undefined ? [] : [{ txn }];
}

function appIds({ txn }: AppendRequest): ReadonlySet<string> {
  return new Set(txn === undefined ? [] : [txn.appId]);
}

/** New rows for old ones in one commit; the new ones need not meet the condition. */
function stageExchange(deps: WriteDeps, snapshot: Snapshot, request: AppendRequest): Promise<StagedOperation> {
  return withNewRows(deps, { snapshot, request }, async ({ table, relation }) => {
    const where = { where: request.deleteWhere, params: request.params };
    const condition = await parseCondition(deps.session, snapshot, where);
    const files = snapshot.files.filter(condition.mightMatch);
    const staged = await stageReplacement(deps, {
      after: evolvedSnapshot(snapshot, table),
      condition,
      files,
      relation,
    });
    const stage: Stage = {
      snapshot,
      actions: [...table.actions, ...txnActions(request), ...staged.actions],
      reads: { ...readsOf(condition, files), appIds: appIds(request) },
      operation: 'WRITE',
      parameters: { mode: 'Append', partitionBy: snapshot.partitionColumns, predicate: request.deleteWhere },
      metrics: { ...staged.metrics, numOutputRows: staged.counts.inserted, numDeletedRows: staged.counts.deleted },
      userMetadata: request.userMetadata,
    };
    return { counts: staged.counts, files: staged.files, ...(stage.actions.length === 0 ? {} : { stage }) };
  });
}

/** Fills the table of row changes with the rows that go and those that come, and stages it. */
async function stageReplacement(
  deps: WriteDeps,
  change: {
    readonly after: Snapshot;
    readonly condition: Condition;
    readonly files: readonly AddFile[];
    readonly relation: SqlFragment;
  },
): Promise<StagedRowChanges> {
  const { session } = deps;
  const { after, condition, files, relation } = change;
  const columns = nullColumns(after);
  try {
    const gone = condition.wholeFiles ?? [];
    const searched = condition.wholeFiles === undefined ? files : [];
    await fillWhere(deps, after, { change: 'delete', condition, columns, params: condition.params, files: searched });
    const names = identifiers(after.schema.fields.map((field) => field.name));
    await session.run(fillSql(readSqlFile('delta', 'replace_insert'), { columns: names, relation }));
    return await stageRowChanges(deps, { snapshot: after, files, gone });
  } finally {
    await session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: identifier(ROW_CHANGES) }));
  }
}

/** Stages an append. It reads nothing, so it only gives way to changes of the table itself. */
export async function stageAppend(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: AppendRequest,
): Promise<StagedOperation> {
  const { txn } = request;
  const known = txn === undefined ? undefined : snapshot.txns.get(txn.appId)?.version;
  if (txn !== undefined && known !== undefined && known >= txn.version) {
    return { counts: { inserted: 0, updated: 0, deleted: 0 }, files: [] };
  }
  if (request.deleteWhere !== undefined) return stageExchange(deps, snapshot, request);
  return withNewRows(deps, { snapshot, request }, async ({ table, relation }) => {
    const adds = await writeDataFiles(deps, { ...table, domains: snapshot.domains }, relation);
    const stage: Stage = {
      snapshot,
      actions: [...table.actions, ...txnActions(request), ...adds.map((add) => ({ add }))],
      reads: { ...NO_READS, appIds: appIds(request) },
      operation: 'WRITE',
      parameters: { mode: 'Append', partitionBy: snapshot.partitionColumns },
      metrics: outputMetrics(adds),
      userMetadata: request.userMetadata,
    };
    const counts = { inserted: rowsOf(adds), updated: 0, deleted: 0 };
    return { counts, files: adds, ...(stage.actions.length === 0 ? {} : { stage }) };
  });
}

function stageOverwriteAll(deps: WriteDeps, snapshot: Snapshot, request: OverwriteRequest): Promise<StagedOperation> {
  return withNewRows(deps, { snapshot, request }, async ({ table, relation }) => {
    const adds = await writeDataFiles(deps, { ...table, domains: snapshot.domains }, relation);
    const now = deps.clock.now();
    const removes: Action[] = snapshot.files.map((file) => ({ remove: removeOf(file, now) }));
    const stage: Stage = {
      snapshot,
      actions: [...table.actions, ...removes, ...adds.map((add) => ({ add }))],
      reads: { wholeTable: true, files: new Set(snapshot.files.map((file) => file.path)), appIds: new Set() },
      operation: 'WRITE',
      parameters: { mode: 'Overwrite', partitionBy: table.metadata.partitionColumns },
      metrics: { ...outputMetrics(adds), numRemovedFiles: removes.length },
    };
    const counts = { inserted: rowsOf(adds), updated: 0, deleted: rowsIn(snapshot.files) };
    return { counts, files: adds, ...(stage.actions.length === 0 ? {} : { stage }) };
  });
}

async function assertInside(
  deps: WriteDeps,
  { condition, relation, place }: { condition: Condition; relation: SqlFragment; place: string },
) {
  const sql = fillSql(readSqlFile('delta', 'replace_outside'), { condition: condition.sql, relation });
  const [row] = await deps.session.rows(sql, condition.params);
  const outside = Number(row?.['rows'] ?? 0);
  if (outside === 0) return;
  throw new LakeError(
    'DELTA_REPLACE_WHERE',
    `${outside} of the new rows do not meet the condition ${condition.text}; nothing was written`,
    {
      place,
      exitCode: 1,
      hint: 'write only rows that the condition covers, or widen the condition',
    },
  );
}

function stageReplace(deps: WriteDeps, snapshot: Snapshot, request: OverwriteRequest): Promise<StagedOperation> {
  return withNewRows(deps, { snapshot, request }, async ({ table, relation }) => {
    const place = `${snapshot.path}@${snapshot.version}`;
    const condition = await parseCondition(deps.session, snapshot, {
      where: request.replaceWhere,
      params: request.params,
    });
    await assertInside(deps, { condition, relation, place });
    const files = snapshot.files.filter(condition.mightMatch);
    const after = evolvedSnapshot(snapshot, table);
    const staged = await stageReplacement(deps, { after, condition, files, relation });
    const stage: Stage = {
      snapshot,
      actions: [...table.actions, ...staged.actions],
      reads: readsOf(condition, files),
      operation: 'WRITE',
      parameters: { mode: 'Overwrite', partitionBy: snapshot.partitionColumns, predicate: request.replaceWhere },
      metrics: { ...staged.metrics, numOutputRows: staged.counts.inserted, numDeletedRows: staged.counts.deleted },
    };
    return { counts: staged.counts, files: staged.files, ...(stage.actions.length === 0 ? {} : { stage }) };
  });
}

/** Stages the replacement of all rows, or of those that meet `replaceWhere`. Throws `DELTA_REPLACE_WHERE` (exit 1) for new rows outside of it. */
export function stageOverwrite(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: OverwriteRequest,
): Promise<StagedOperation> {
  if (request.partitionColumns !== undefined && request.overwriteSchema !== true) {
    throw usageError('new partition columns need overwriteSchema');
  }
  if (request.replaceWhere === undefined) return stageOverwriteAll(deps, snapshot, request);
  if (request.overwriteSchema === true)
    throw usageError('replaceWhere keeps rows of the table, so the schema cannot be overwritten');
  return stageReplace(deps, snapshot, request);
}
