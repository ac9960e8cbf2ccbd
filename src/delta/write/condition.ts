import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import { planFilters } from '../log/plan-filters.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { parsePlanFilters } from '../protocol/plan-filters.js';
import { fileFilter } from '../protocol/predicate.js';
import { duckdbType } from '../protocol/schema.js';
import {
  assertBoolean,
  expressionColumns,
  expressionTypes,
  parseExpression,
  type SqlExpression,
  usedParams,
} from './expression.js';
import { isAboutPartitions, partitionFiles } from './partition-files.js';

/** A condition on rows of a table. */
export interface Condition {
  /** True for the rows that are meant. */
  readonly sql: SqlFragment;
  readonly params: SqlParams;
  /** Conservative: whether a file may have such a row, by its partition values and statistics. */
  readonly mightMatch: (file: AddFile) => boolean;
  /** Set when it is about partition columns alone: the files all of whose rows are meant. Others have none. */
  readonly wholeFiles?: readonly AddFile[];
  /** As the caller wrote it, for the history; undefined for every row. */
  readonly text: string | undefined;
}

export interface ConditionRequest {
  /** An SQL expression over the columns, which `target.` may stand before; every row without it. */
  readonly where?: string | undefined;
  readonly params?: SqlParams | undefined;
}

/** What a missing condition means. */
export const EVERY_ROW: Condition = {
  sql: trustedFragment('true'),
  params: {},
  mightMatch: () => true,
  text: undefined,
};
const STAND_IN = '_delta_target';

/** Runs `work` while the session has `_delta_target`, an empty stand-in of the Delta table. */
export async function withStandIn<T>(session: Session, { schema }: Snapshot, work: () => Promise<T>): Promise<T> {
  const columns = schema.fields.map((field) => trustedFragment(`${identifier(field.name)} ${duckdbType(field.type)}`));
  await session.run(fillSql(readSqlFile('delta', 'condition_stand_in'), { columns: joinFragments(columns, ', ') }));
  try {
    return await work();
  } finally {
    await session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: identifier(STAND_IN) }));
  }
}

interface Planned {
  readonly snapshot: Snapshot;
  readonly statement: string;
  readonly params: SqlParams;
}

/** The filters that a statement puts on `_delta_target`, as a test of files. For use inside `withStandIn`. */
export async function statementFilter(session: Session, planned: Planned): Promise<(file: AddFile) => boolean> {
  const { snapshot, statement, params } = planned;
  const found = await planFilters(session, statement, params);
  const filters = found?.get(`temp.main.${STAND_IN}`);
  if (filters === undefined || filters.some((list) => list.length === 0)) return () => true;
  const tests = filters.map((list) => fileFilter(parsePlanFilters(list, snapshot.schema.fields), snapshot));
  return (file) => tests.some((test) => test(file));
}

/** DuckDB's types of expressions over the table; throws a usage error for one that does not fit it. For use inside `withStandIn`. */
export function typesOverTable(
  session: Session,
  expressions: readonly SqlExpression[],
  params: SqlParams | undefined,
): Promise<string[]> {
  const parts = { expressions: expressionColumns(expressions) };
  return expressionTypes(session, fillSql(readSqlFile('delta', 'condition_types'), parts), params);
}

/** Reads a condition of a caller. Throws a usage error (exit 2) when it is not one expression or does not fit the table. */
export async function parseCondition(
  session: Session,
  snapshot: Snapshot,
  request: ConditionRequest,
): Promise<Condition> {
  if (request.where === undefined) return EVERY_ROW;
  const expression = await parseExpression(session, request.where, 'the condition');
  const { sql, tree } = expression;
  const params = usedParams(sql, request.params);
  const statement = fillSql(readSqlFile('delta', 'condition_plan'), { condition: sql });
  const mightMatch = await withStandIn(session, snapshot, async () => {
    const [type = ''] = await typesOverTable(session, [expression], params);
    assertBoolean(expression, type, `the condition ${request.where}`);
    return statementFilter(session, { snapshot, statement, params });
  });
  if (snapshot.partitionColumns.length === 0 || !isAboutPartitions(snapshot, tree)) {
    return { sql, params, mightMatch, text: request.where };
  }
  const wholeFiles = await partitionFiles(session, snapshot, { sql, params });
  return { sql, params, mightMatch, text: request.where, wholeFiles };
}
