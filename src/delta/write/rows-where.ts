import { usageError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { type DeltaField, duckdbType } from '../protocol/schema.js';
import { assertNoLostField } from './column-fit.js';
import type { Stage } from './commit.js';
import {
  type Condition,
  type ConditionRequest,
  EVERY_ROW,
  parseCondition,
  typesOverTable,
  withStandIn,
} from './condition.js';
import type { Reads } from './conflicts.js';
import type { WriteDeps } from './data-files.js';
import { parseExpression, type SqlExpression, usedParams } from './expression.js';
import { generateColumns } from './generated-columns.js';
import { assertOwnNamesFree } from './own-names.js';
import { removeOf } from './remove-file.js';
import { ROW_CHANGES, type RowCounts, rowsIn, stageRowChanges } from './row-changes.js';

/** What an operation would commit; `stage` is absent when it changes nothing. */
export interface StagedOperation {
  readonly counts: RowCounts;
  readonly stage?: Stage;
  /** New files, to be deleted when the stage is given up. */
  readonly files: readonly { readonly path: string }[];
}

export interface UpdateRequest extends ConditionRequest {
  /** New values by column, as SQL expressions over the old row. */
  readonly set: Readonly<Record<string, string>>;
}

/** The columns of a table of row changes that only says which rows go. */
export function nullColumns({ schema }: Snapshot): SqlFragment {
  const columns = schema.fields.map((field) =>
    trustedFragment(`CAST(NULL AS ${duckdbType(field.type)}) AS ${identifier(field.name)}`),
  );
  return joinFragments(columns, ', ');
}

/** The given values by the table's fields. Throws a usage error for an unknown column and for one that is there twice. */
export async function parseValues(
  session: Session,
  snapshot: Snapshot,
  values: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<DeltaField, SqlExpression>> {
  const place = `${snapshot.path}@${snapshot.version}`;
  const found = new Map<DeltaField, SqlExpression>();
  for (const [column, text] of Object.entries(values)) {
    const field = snapshot.schema.fields.find(({ name }) => name.toLowerCase() === column.toLowerCase());
    if (field === undefined) throw usageError(`the table has no column "${column}"`, { place });
    if (found.has(field)) throw usageError(`the column "${column}" gets two values`, { place });
    found.set(field, await parseExpression(session, text, `the new value of "${column}"`));
  }
  return found;
}

async function newValues({ session }: WriteDeps, snapshot: Snapshot, request: UpdateRequest): Promise<SqlFragment> {
  const place = `${snapshot.path}@${snapshot.version}`;
  const values = await parseValues(session, snapshot, request.set);
  if (values.size === 0) throw usageError('an update needs at least one column to set', { place });
  const types = await withStandIn(session, snapshot, () =>
    typesOverTable(session, [...values.values()], request.params),
  );
  for (const [i, field] of [...values.keys()].entries()) {
    assertNoLostField(field, { name: field.name, type: types[i] ?? '' }, place);
  }
  const columns = snapshot.schema.fields.map((field) => {
    const name = identifier(field.name);
    const value = values.get(field);
    return value === undefined
      ? trustedFragment(`target.${name}`)
      : trustedFragment(`CAST(${value.sql} AS ${duckdbType(field.type)}) AS ${name}`);
  });
  return joinFragments(columns, ', ');
}

interface WhereChange {
  readonly change: 'delete' | 'update';
  readonly condition: Condition;
  /** The columns as they will be. */
  readonly columns: SqlFragment;
  readonly params: SqlParams;
  /** Whether the caller gave a column its new value. */
  readonly isGiven?: (column: string) => boolean;
}

/** Fills the table of row changes with the rows of some files that meet a condition. */
export async function fillWhere(
  deps: WriteDeps,
  snapshot: Snapshot,
  wanted: WhereChange & { readonly files: readonly AddFile[] },
): Promise<void> {
  const { change, condition, columns, files } = wanted;
  const names = snapshot.schema.fields.map(({ name }) => name);
  assertOwnNamesFree(names, `${snapshot.path}@${snapshot.version}`);
  const relation = await bindScan(deps.session, deps.store, { slot: 'where', snapshot, files, position: true });
  const parts = { change: trustedFragment(change), columns, relation, condition: condition.sql };
  const statement = fillSql(readSqlFile('delta', 'rows_where'), parts);
  await deps.session.run(statement, usedParams(statement, wanted.params));
}

async function stageWhere(deps: WriteDeps, snapshot: Snapshot, wanted: WhereChange): Promise<StagedOperation> {
  const { change, condition } = wanted;
  const files = snapshot.files.filter(condition.mightMatch);
  try {
    await fillWhere(deps, snapshot, { ...wanted, files });
    if (change === 'update') await generateColumns(deps.session, snapshot, wanted.isGiven ?? (() => false));
    const { counts, actions, files: written, metrics } = await stageRowChanges(deps, { snapshot, files });
    if (actions.length === 0) return { counts, files: [] };
    const rows = change === 'delete' ? { numDeletedRows: counts.deleted } : { numUpdatedRows: counts.updated };
    const stage: Stage = {
      snapshot,
      actions,
      reads: readsOf(condition, files),
      operation: change === 'delete' ? 'DELETE' : 'UPDATE',
      parameters: { predicate: condition.text === undefined ? [] : [condition.text] },
      metrics: { ...metrics, ...rows },
    };
    return { counts, stage, files: written };
  } finally {
    await deps.session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: identifier(ROW_CHANGES) }));
  }
}

/** What a transaction read that looked for the rows of a condition in some files. */
export function readsOf(condition: Condition, files: readonly AddFile[]): Reads {
  return {
    wholeTable: false,
    mightRead: condition.mightMatch,
    files: new Set(files.map((file) => file.path)),
    appIds: new Set(),
  };
}

/** Deleting all rows of files needs no look at them. */
function stageDeleteFiles(deps: WriteDeps, snapshot: Snapshot, condition: Condition): StagedOperation {
  const files = condition.wholeFiles ?? snapshot.files;
  const deleted = rowsIn(files);
  const counts = { inserted: 0, updated: 0, deleted };
  if (files.length === 0) return { counts, files: [] };
  const now = deps.clock.now();
  const stage: Stage = {
    snapshot,
    actions: files.map((file) => ({ remove: removeOf(file, now) })),
    reads: readsOf(condition, files),
    operation: 'DELETE',
    parameters: { predicate: condition.text === undefined ? [] : [condition.text] },
    metrics: {
      numRemovedFiles: files.length,
      numRemovedBytes: files.reduce((sum, file) => sum + file.size, 0),
      numDeletedRows: deleted,
    },
  };
  return { counts, stage, files: [] };
}

/** Stages the deletion of the rows that meet a condition. Throws a usage error for a bad condition. */
export async function stageDelete(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: ConditionRequest,
): Promise<StagedOperation> {
  if (request.where === undefined) return stageDeleteFiles(deps, snapshot, EVERY_ROW);
  const condition = await parseCondition(deps.session, snapshot, request);
  if (condition.wholeFiles !== undefined) return stageDeleteFiles(deps, snapshot, condition);
  const columns = nullColumns(snapshot);
  return stageWhere(deps, snapshot, { change: 'delete', condition, columns, params: condition.params });
}

/** Stages new values for the rows that meet a condition. Throws a usage error for a bad expression or an unknown column. */
export async function stageUpdate(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: UpdateRequest,
): Promise<StagedOperation> {
  const condition = await parseCondition(deps.session, snapshot, request);
  const columns = await newValues(deps, snapshot, request);
  const given = new Set(Object.keys(request.set).map((name) => name.toLowerCase()));
  return stageWhere(deps, snapshot, {
    change: 'update',
    condition,
    columns,
    params: request.params ?? {},
    isGiven: (column) => given.has(column.toLowerCase()),
  });
}
