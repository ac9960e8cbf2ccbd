import { LakeError, usageError } from '../../base/lake-error.js';
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
import { duckdbType } from '../protocol/schema.js';
import { assertNoLostField } from './column-fit.js';
import type { Stage } from './commit.js';
import { statementFilter, withStandIn } from './condition.js';
import { defaultValue } from './constraints.js';
import type { WriteDeps } from './data-files.js';
import {
  assertBoolean,
  expressionColumns,
  expressionTypes,
  parseExpression,
  type SqlExpression,
  usedParams,
} from './expression.js';
import { generateColumns } from './generated-columns.js';
import { keyFilter } from './key-filter.js';
import { assertOwnNamesFree } from './own-names.js';
import { ROW_CHANGES, type RowCounts, stageRowChanges } from './row-changes.js';
import { parseValues, type StagedOperation } from './rows-where.js';

/** New values by column as SQL expressions, or `*` for the columns of the source by name. */
export type MergeValues = '*' | Readonly<Record<string, string>>;

/** A clause holds for rows that meet `and`; the first clause of its kind that holds decides. */
export type MatchedClause =
  | { readonly and?: string; readonly update: MergeValues }
  | { readonly and?: string; readonly delete: true };
export interface NotMatchedClause {
  readonly and?: string;
  readonly insert: MergeValues;
}
export type NotMatchedBySourceClause =
  | { readonly and?: string; readonly update: Readonly<Record<string, string>> }
  | { readonly and?: string; readonly delete: true };

/** A MERGE as Spark and delta-rs have it. Expressions are DuckDB's SQL over `target` and `source`. */
export interface MergeIntoRequest {
  /** A SELECT over the session's tables; it is run once. */
  readonly source: SqlFragment;
  readonly on: string;
  readonly whenMatched?: readonly MatchedClause[];
  readonly whenNotMatched?: readonly NotMatchedClause[];
  readonly whenNotMatchedBySource?: readonly NotMatchedBySourceClause[];
  readonly targetAlias?: string;
  readonly sourceAlias?: string;
  readonly params?: SqlParams;
}

type Kind = 'matched' | 'notMatched' | 'notMatchedBySource';

interface Clause {
  readonly kind: Kind;
  readonly change: 'insert' | 'update' | 'delete';
  readonly condition: SqlExpression | undefined;
  readonly text: string | undefined;
  /** By column in lower case. */
  readonly values: ReadonlyMap<string, SqlFragment>;
}

interface Merge {
  readonly snapshot: Snapshot;
  readonly request: MergeIntoRequest;
  readonly clauses: readonly Clause[];
  readonly on: SqlExpression;
  readonly target: string;
  readonly source: string;
}

/** When a clause of a kind may hold for a joined row. */
function happens({ target, source }: Merge, kind: Kind): string {
  const noTarget = `${identifier(target)}._target_row IS NULL`;
  const noSource = `${identifier(source)}._source_row IS NULL`;
  if (kind === 'notMatched') return noTarget;
  return kind === 'notMatchedBySource' ? noSource : `NOT (${noTarget}) AND NOT (${noSource})`;
}

function columnNamed(snapshot: Snapshot, name: string): string {
  const field = snapshot.schema.fields.find((f) => f.name.toLowerCase() === name.toLowerCase());
  if (field !== undefined) return field.name.toLowerCase();
  throw usageError(`the table has no column "${name}"`, { place: `${snapshot.path}@${snapshot.version}` });
}

/** `*`: every column of the table from the source's column of that name; those that the source has not stay, or are NULL. */
function starValues(snapshot: Snapshot, columns: readonly string[], source: string): Map<string, SqlFragment> {
  const found = new Map<string, SqlFragment>();
  for (const column of columns) {
    found.set(columnNamed(snapshot, column), trustedFragment(`${identifier(source)}.${identifier(column)}`));
  }
  return found;
}

interface ClauseContext {
  readonly session: Session;
  readonly snapshot: Snapshot;
  readonly columns: readonly string[];
  readonly source: string;
}

async function valuesOf(context: ClauseContext, values: MergeValues): Promise<ReadonlyMap<string, SqlFragment>> {
  const { session, snapshot } = context;
  if (values === '*') return starValues(snapshot, context.columns, context.source);
  const parsed = await parseValues(session, snapshot, values);
  return new Map([...parsed].map(([field, { sql }]) => [field.name.toLowerCase(), sql]));
}

/** A row that an insert makes has the defaults of the columns that it does not name. */
async function insertValues(context: ClauseContext, values: MergeValues): Promise<ReadonlyMap<string, SqlFragment>> {
  const found = new Map(await valuesOf(context, values));
  for (const field of context.snapshot.schema.fields) {
    const name = field.name.toLowerCase();
    const value = found.has(name) ? undefined : await defaultValue(context.session, field);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

async function clauseOf(
  context: ClauseContext,
  kind: Kind,
  given: MatchedClause | NotMatchedClause | NotMatchedBySourceClause,
): Promise<Clause> {
  const condition =
    given.and === undefined
      ? undefined
      : await parseExpression(context.session, given.and, 'the condition of a clause');
  const base = { kind, condition, text: given.and };
  if ('delete' in given) return { ...base, change: 'delete', values: new Map() };
  const values = 'insert' in given ? given.insert : given.update;
  if (Object.keys(values).length === 0) throw usageError('a clause needs at least one column to set');
  if ('insert' in given) return { ...base, change: 'insert', values: await insertValues(context, given.insert) };
  return { ...base, change: 'update', values: await valuesOf(context, given.update) };
}

async function parseMerge(deps: WriteDeps, snapshot: Snapshot, request: MergeIntoRequest): Promise<Merge> {
  const { session } = deps;
  const { targetAlias: target = 'target', sourceAlias: source = 'source' } = request;
  const described = await session.rows(readSqlFile('delta', 'merge_into_describe'));
  // The last one is `_source_row`.
  const columns = described.map((row) => String(row['column_name'])).slice(0, -1);
  const all = [...columns, ...snapshot.schema.fields.map(({ name }) => name)];
  assertOwnNamesFree(all, `${snapshot.path}@${snapshot.version}`);
  const context = { session, snapshot, columns, source };
  const given: [Kind, readonly (MatchedClause | NotMatchedClause | NotMatchedBySourceClause)[]][] = [
    ['matched', request.whenMatched ?? []],
    ['notMatched', request.whenNotMatched ?? []],
    ['notMatchedBySource', request.whenNotMatchedBySource ?? []],
  ];
  const clauses: Clause[] = [];
  for (const [kind, list] of given) for (const clause of list) clauses.push(await clauseOf(context, kind, clause));
  if (clauses.length === 0) throw usageError('a merge needs at least one clause');
  const on = await parseExpression(session, request.on, 'the condition of the merge');
  return { snapshot, request, clauses, on, target, source };
}

function has({ clauses }: Merge, kind: Kind): boolean {
  return clauses.some((clause) => clause.kind === kind);
}

/** Rows without a partner that no clause is about need not be joined. */
function joinKind(merge: Merge): string {
  const target = has(merge, 'notMatchedBySource');
  const source = has(merge, 'notMatched');
  if (target) return source ? 'FULL' : 'LEFT';
  return source ? 'RIGHT' : 'INNER';
}

/** The number of the clause that decides about a joined row, NULL when none does. */
function clauseNumber(merge: Merge): SqlFragment {
  const whens = merge.clauses.map(({ kind, condition }, i) => {
    const holds = [happens(merge, kind), ...(condition === undefined ? [] : [condition.sql])].join(' AND ');
    return `WHEN ${holds} THEN ${i}`;
  });
  return trustedFragment(`CASE ${whens.join(' ')} END`);
}

function columnValues({ snapshot, clauses, target }: Merge): SqlFragment {
  const columns = snapshot.schema.fields.map((field) => {
    const name = identifier(field.name);
    const whens = clauses.flatMap(({ change, values }, i) => {
      const value = values.get(field.name.toLowerCase());
      if (value !== undefined) return `WHEN ${i} THEN CAST(${value} AS ${duckdbType(field.type)})`;
      return change === 'update' ? `WHEN ${i} THEN ${identifier(target)}.${name}` : [];
    });
    const value = whens.length === 0 ? 'NULL' : `CASE _merge_clause ${whens.join(' ')} END`;
    return trustedFragment(`CAST(${value} AS ${duckdbType(field.type)}) AS ${name}`);
  });
  return joinFragments(columns, ', ');
}

function changeOf({ clauses }: Merge): SqlFragment {
  return trustedFragment(
    `CASE _merge_clause ${clauses.map(({ change }, i) => `WHEN ${i} THEN '${change}'`).join(' ')} END`,
  );
}

/** Throws for conditions that are none, and for values that would lose fields in the table's columns. For use inside `withStandIn`. */
async function assertExpressions({ session }: WriteDeps, merge: Merge): Promise<void> {
  const { snapshot, on, clauses, request, target, source } = merge;
  const place = `${snapshot.path}@${snapshot.version}`;
  const conditions = [on, ...clauses.flatMap(({ condition }) => condition ?? [])];
  const values = clauses.flatMap((clause) => [...clause.values]);
  const expressions = [...conditions, ...values.map(([, sql]) => ({ sql }))];
  const parts = {
    target: identifier(target),
    source: identifier(source),
    expressions: expressionColumns(expressions),
  };
  const types = await expressionTypes(
    session,
    fillSql(readSqlFile('delta', 'merge_into_types'), parts),
    request.params,
  );
  for (const [i, condition] of conditions.entries()) {
    assertBoolean(condition, types[i] ?? '', `the condition ${condition.sql.slice(1, -2)}`);
  }
  for (const [i, [column]] of values.entries()) {
    const field = snapshot.schema.fields.find(({ name }) => name.toLowerCase() === column);
    const type = types[conditions.length + i] ?? '';
    if (field !== undefined) assertNoLostField(field, { name: field.name, type }, place);
  }
}

/** Files of the target that the merge has to look into. */
async function candidateFiles(deps: WriteDeps, merge: Merge): Promise<(file: AddFile) => boolean> {
  // A row without a partner may be in any file.
  if (has(merge, 'notMatchedBySource')) return () => true;
  const { snapshot, on, target, source } = merge;
  const parts = { target: identifier(target), source: identifier(source), condition: on.sql };
  const statement = fillSql(readSqlFile('delta', 'merge_into_plan'), parts);
  const params = usedParams(statement, merge.request.params);
  const byPlan = await statementFilter(deps.session, { snapshot, statement, params });
  const byKey = await keyFilter(deps.session, { snapshot, on: on.tree, target, source });
  return (file) => byPlan(file) && byKey(file);
}

/** Throws when a row of the table has several partners that want to change it in ways that cannot all be done. */
async function assertUnambiguous(session: Session, { snapshot }: Merge): Promise<void> {
  const [row] = await session.rows(readSqlFile('delta', 'merge_into_ambiguous'));
  const rows = Number(row?.['rows'] ?? 0);
  if (rows === 0) return;
  throw new LakeError(
    'DELTA_MERGE_AMBIGUOUS',
    `${rows} ${rows === 1 ? 'row of the table is' : 'rows of the table are'} changed by several rows of the source`,
    {
      place: `${snapshot.path}@${snapshot.version}`,
      exitCode: 1,
      hint: 'make the source unique in the columns of the condition',
    },
  );
}

async function fillChanges(deps: WriteDeps, merge: Merge, files: readonly AddFile[]): Promise<void> {
  const { session, store } = deps;
  const { snapshot, target, source, on } = merge;
  const relation = await bindScan(session, store, { slot: 'merge', snapshot, files, position: true });
  const statement = fillSql(readSqlFile('delta', 'merge_into_rows'), {
    relation,
    change: changeOf(merge),
    clause: clauseNumber(merge),
    columns: columnValues(merge),
    join: trustedFragment(joinKind(merge)),
    target: identifier(target),
    source: identifier(source),
    condition: on.sql,
  });
  await session.run(statement, usedParams(statement, merge.request.params));
  await assertUnambiguous(session, merge);
  await session.run(readSqlFile('delta', 'merge_into_unique'));
}

function mergeStage(
  merge: Merge,
  staged: { stage: Pick<Stage, 'actions' | 'metrics' | 'reads'>; counts: RowCounts; sourceRows: number },
): Stage {
  const { inserted, updated, deleted } = staged.counts;
  const predicates = (kind: Kind) =>
    merge.clauses
      .filter((clause) => clause.kind === kind)
      .map(({ change, text }) => ({ ...(text === undefined ? {} : { predicate: text }), actionType: change }));
  return {
    snapshot: merge.snapshot,
    ...staged.stage,
    operation: 'MERGE',
    parameters: {
      predicate: merge.request.on,
      matchedPredicates: predicates('matched'),
      notMatchedPredicates: predicates('notMatched'),
      notMatchedBySourcePredicates: predicates('notMatchedBySource'),
    },
    metrics: {
      numSourceRows: staged.sourceRows,
      numTargetRowsInserted: inserted,
      numTargetRowsUpdated: updated,
      numTargetRowsDeleted: deleted,
      numTargetRowsCopied: staged.stage.metrics?.['numCopiedRows'] ?? 0,
      numTargetFilesAdded: staged.stage.metrics?.['numAddedFiles'] ?? 0,
      numTargetFilesRemoved: staged.stage.metrics?.['numRemovedFiles'] ?? 0,
      numTargetChangeFilesAdded: staged.stage.metrics?.['numAddedChangeFiles'] ?? 0,
      numTargetDeletionVectorsAdded: staged.stage.metrics?.['numDeletionVectorsAdded'] ?? 0,
      numTargetDeletionVectorsUpdated: staged.stage.metrics?.['numDeletionVectorsUpdated'] ?? 0,
      numTargetDeletionVectorsRemoved: staged.stage.metrics?.['numDeletionVectorsRemoved'] ?? 0,
      numOutputRows: inserted + updated + (staged.stage.metrics?.['numCopiedRows'] ?? 0),
    },
  };
}

/**
 * Stages a MERGE with its five kinds of clauses. Files that cannot hold a partner of the source, by partition values and
 * statistics, are not opened. Throws `DELTA_MERGE_AMBIGUOUS` (exit 1), a usage error for a bad expression, `DELTA_CONSTRAINT`.
 */
export async function stageMergeInto(
  deps: WriteDeps,
  snapshot: Snapshot,
  request: MergeIntoRequest,
): Promise<StagedOperation> {
  const { session } = deps;
  try {
    const source = fillSql(readSqlFile('delta', 'merge_into_source'), { relation: request.source });
    await session.run(source, usedParams(source, request.params));
    const merge = await parseMerge(deps, snapshot, request);
    const mightMatch = await withStandIn(session, snapshot, async () => {
      await assertExpressions(deps, merge);
      return candidateFiles(deps, merge);
    });
    const files = snapshot.files.filter(mightMatch);
    await fillChanges(deps, merge, files);
    const writers = merge.clauses.filter(({ change }) => change !== 'delete');
    await generateColumns(session, snapshot, (column) =>
      writers.every(({ values }) => values.has(column.toLowerCase())),
    );
    const staged = await stageRowChanges(deps, { snapshot, files });
    if (staged.actions.length === 0) return { counts: staged.counts, files: [] };
    const [count] = await session.rows(readSqlFile('delta', 'merge_into_source_count'));
    const reads = {
      wholeTable: false,
      mightRead: mightMatch,
      files: new Set(files.map((file) => file.path)),
      appIds: new Set<string>(),
    };
    const stage = mergeStage(merge, {
      stage: { actions: staged.actions, metrics: staged.metrics, reads },
      counts: staged.counts,
      sourceRows: Number(count?.['rows'] ?? 0),
    });
    return { counts: staged.counts, stage, files: staged.files };
  } finally {
    await session.run(readSqlFile('delta', 'merge_into_drop'));
    await session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: identifier(ROW_CHANGES) }));
  }
}
