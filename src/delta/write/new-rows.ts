import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import type { Snapshot } from '../log/snapshot.js';
import { schemaFromDuckdb } from '../protocol/duckdb-types.js';
import { type DeltaField, type DeltaSchema, duckdbType } from '../protocol/schema.js';
import { mergeSchemas } from '../protocol/schema-evolution.js';
import { assertFits, type Column, deltaType } from './column-fit.js';
import { assertConstraints, defaultValue, generatedValue, generationText, tableConstraints } from './constraints.js';
import { usedParams } from './expression.js';
import { assertPartitions, type ChangedTable, changeMetadata } from './table-metadata.js';

export interface NewRowsRequest {
  /** A SELECT over the session's tables; it is run once. Columns are found by name, whatever their order and case. */
  readonly relation: SqlFragment;
  /** The SELECT has no parameters and gives the same rows each time it is run: they are not kept in between, so that memory stays bounded. */
  readonly repeatable?: boolean | undefined;
  readonly params?: SqlParams | undefined;
  /** Columns and struct fields that the table does not have are added to it, and types widened where it allows that. */
  readonly mergeSchema?: boolean | undefined;
  /** The rows' own schema takes the place of the table's. */
  readonly overwriteSchema?: boolean | undefined;
  readonly partitionColumns?: readonly string[] | undefined;
}

/** Rows in the order and types of the table, and the table as it will be with them. */
export interface NewRows {
  readonly table: ChangedTable;
  /** Valid until `dropNewRows`. */
  readonly relation: SqlFragment;
}

function findColumn(columns: readonly Column[], name: string): Column | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

function assertNoExtra(schema: DeltaSchema, columns: readonly Column[], place: string): void {
  const extra = columns.filter(
    ({ name }) => !schema.fields.some((field) => field.name.toLowerCase() === name.toLowerCase()),
  );
  if (extra.length === 0) return;
  const names = extra.map(({ name }) => `"${name}"`).join(', ');
  throw new LakeError('DELTA_SCHEMA', `the rows have ${names}, which the table does not have`, {
    place,
    exitCode: 1,
    hint: 'leave it out, or add it to the table with mergeSchema',
  });
}

function wantedSchema(snapshot: Snapshot, columns: readonly Column[], request: NewRowsRequest): DeltaSchema {
  if (request.overwriteSchema === true) return schemaFromDuckdb(columns);
  if (request.mergeSchema !== true) return snapshot.schema;
  const widen = snapshot.metadata.configuration['delta.enableTypeWidening']?.toLowerCase() === 'true';
  const known = columns.filter(
    (column) => deltaType(column) !== undefined || findField(snapshot.schema, column) === undefined,
  );
  return mergeSchemas(snapshot.schema, schemaFromDuckdb(known), { widen });
}

function findField(schema: DeltaSchema, { name }: Column): DeltaField | undefined {
  return schema.fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
}

async function columnValue(
  session: Session,
  field: DeltaField,
  at: { columns: readonly Column[]; place: string },
): Promise<SqlFragment> {
  const column = findColumn(at.columns, field.name);
  if (column !== undefined) {
    assertFits(field, column, at.place);
    return trustedFragment(`CAST(source.${identifier(column.name)} AS ${duckdbType(field.type)})`);
  }
  const text = generationText(field);
  if (text !== undefined) return generatedValue(session, field, text);
  const byDefault = await defaultValue(session, field);
  if (byDefault !== undefined) return byDefault;
  if (field.nullable) return trustedFragment(`CAST(NULL AS ${duckdbType(field.type)})`);
  throw new LakeError('DELTA_SCHEMA', `the rows have no "${field.name}", which must not be NULL`, {
    place: at.place,
    exitCode: 1,
  });
}

function parenthesized(relation: SqlFragment): SqlFragment {
  return trustedFragment(`(${relation})`);
}

async function keepRows(session: Session, request: NewRowsRequest): Promise<SqlFragment> {
  const stage = fillSql(readSqlFile('delta', 'new_rows_stage'), { relation: request.relation });
  await session.run(stage, usedParams(stage, request.params));
  return identifier('_new_rows');
}

/**
 * Runs the SELECT once and lays its rows out as the table has them. Throws `DELTA_SCHEMA` (exit 1) for columns that the table does
 * not have or that would lose digits, `DELTA_CONSTRAINT` for rows that break a constraint, `SQL` with DuckDB's words.
 */
export async function stageNewRows(session: Session, snapshot: Snapshot, request: NewRowsRequest): Promise<NewRows> {
  const place = `${snapshot.path}@${snapshot.version}`;
  const source = request.repeatable === true ? parenthesized(request.relation) : await keepRows(session, request);
  const described = await session.rows(fillSql(readSqlFile('delta', 'new_rows_describe'), { source }));
  const columns = described.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
  const { partitionColumns } = request;
  const table = changeMetadata(snapshot, {
    schema: wantedSchema(snapshot, columns, request),
    ...(partitionColumns === undefined ? {} : { partitionColumns }),
  });
  assertPartitions(table.schema, table.metadata.partitionColumns, place);
  assertNoExtra(table.schema, columns, place);
  const values: SqlFragment[] = [];
  for (const field of table.schema.fields) {
    const value = await columnValue(session, field, { columns, place });
    values.push(trustedFragment(`${value} AS ${identifier(field.name)}`));
  }
  const columnValues = joinFragments(values, ', ');
  const relation = trustedFragment(fillSql(readSqlFile('delta', 'new_rows'), { columns: columnValues, source }));
  await assertConstraints(session, await tableConstraints(session, table), { relation, place });
  return { table, relation };
}

export async function dropNewRows(session: Session): Promise<void> {
  await session.run(readSqlFile('delta', 'new_rows_drop'));
}
