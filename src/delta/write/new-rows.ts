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
import { type DeltaField, type DeltaSchema, type DeltaType, decimalShape, duckdbType } from '../protocol/schema.js';
import { mergeSchemas } from '../protocol/schema-evolution.js';
import { assertConstraints, defaultValue, generatedValue, generationText, tableConstraints } from './constraints.js';
import { usedParams } from './expression.js';
import { assertPartitions, type ChangedTable, changeMetadata } from './table-metadata.js';

export interface NewRowsRequest {
  /** A SELECT over the session's tables; it is run once. Columns are found by name, whatever their order and case. */
  readonly relation: SqlFragment;
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

interface Column {
  readonly name: string;
  /** Of DuckDB. */
  readonly type: string;
}

const WHOLE: ReadonlySet<string> = new Set(['byte', 'short', 'integer', 'long']);
const FRACTIONAL = /^(?:FLOAT|DOUBLE|DECIMAL\(\d+,(\d+)\))$/;

function findColumn(columns: readonly Column[], name: string): Column | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

/** Undefined for types that Delta does not have, which may yet be cast to the table's. */
function deltaType(column: Column): DeltaType | undefined {
  try {
    return schemaFromDuckdb([column]).fields[0]?.type;
  } catch (error) {
    if (error instanceof LakeError && error.code === 'DELTA_SCHEMA') return undefined;
    throw error;
  }
}

/** The first field inside `incoming` that `table` has no place for: a cast would lose it without a word. */
function unknownField(table: DeltaType, incoming: DeltaType): string | undefined {
  if (table.kind === 'array' && incoming.kind === 'array') return unknownField(table.element, incoming.element);
  if (table.kind === 'map' && incoming.kind === 'map') {
    return unknownField(table.key, incoming.key) ?? unknownField(table.value, incoming.value);
  }
  if (table.kind !== 'struct' || incoming.kind !== 'struct') return undefined;
  for (const field of incoming.fields) {
    const known = table.fields.find(({ name }) => name.toLowerCase() === field.name.toLowerCase());
    if (known === undefined) return field.name;
    const inside = unknownField(known.type, field.type);
    if (inside !== undefined) return `${field.name}.${inside}`;
  }
  return undefined;
}

/** Whether a cast would round. */
function losesDigits(type: DeltaType, column: Column): boolean {
  if (type.kind !== 'primitive') return false;
  const match = FRACTIONAL.exec(column.type);
  if (match === null) return false;
  const scale = decimalShape(type)?.scale;
  if (WHOLE.has(type.name)) return match[1] !== '0';
  return scale !== undefined && match[1] !== undefined && Number(match[1]) > scale;
}

function assertFits(field: DeltaField, column: Column, place: string): void {
  const type = deltaType(column);
  const unknown = type === undefined ? undefined : unknownField(field.type, type);
  if (unknown !== undefined) {
    throw new LakeError('DELTA_SCHEMA', `the rows have "${field.name}.${unknown}", which the table does not have`, {
      place,
      exitCode: 1,
      hint: 'leave it out, or add it to the table with mergeSchema',
    });
  }
  if (losesDigits(field.type, column)) {
    throw new LakeError(
      'DELTA_SCHEMA',
      `"${field.name}" is ${duckdbType(field.type)} in the table and ${column.type} in the rows: digits would be lost`,
      {
        place,
        exitCode: 1,
        hint: 'say how to round with a CAST in the rows',
      },
    );
  }
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

/**
 * Runs the SELECT once and lays its rows out as the table has them. Throws `DELTA_SCHEMA` (exit 1) for columns that the table does
 * not have or that would lose digits, `DELTA_CONSTRAINT` for rows that break a constraint, `SQL` with DuckDB's words.
 */
export async function stageNewRows(session: Session, snapshot: Snapshot, request: NewRowsRequest): Promise<NewRows> {
  const place = `${snapshot.path}@${snapshot.version}`;
  const stage = fillSql(readSqlFile('delta', 'new_rows_stage'), { relation: request.relation });
  await session.run(stage, usedParams(stage, request.params));
  const described = await session.rows(readSqlFile('delta', 'new_rows_describe'));
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
  const relation = trustedFragment(fillSql(readSqlFile('delta', 'new_rows'), { columns: joinFragments(values, ', ') }));
  await assertConstraints(session, await tableConstraints(session, table), { relation, place });
  return { table, relation };
}

export async function dropNewRows(session: Session): Promise<void> {
  await session.run(readSqlFile('delta', 'new_rows_drop'));
}
