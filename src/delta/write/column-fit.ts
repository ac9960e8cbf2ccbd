import { LakeError } from '../../base/lake-error.js';
import { schemaFromDuckdb } from '../protocol/duckdb-types.js';
import { type DeltaField, type DeltaType, decimalShape, duckdbType } from '../protocol/schema.js';

/** A column of a SELECT. */
export interface Column {
  readonly name: string;
  /** Of DuckDB. */
  readonly type: string;
}

const WHOLE: ReadonlySet<string> = new Set(['byte', 'short', 'integer', 'long']);
const FRACTIONAL = /^(?:FLOAT|DOUBLE|DECIMAL\(\d+,\s*(\d+)\))$/;

/** Undefined for types that Delta does not have, which may yet be cast to the table's. */
export function deltaType(column: Column): DeltaType | undefined {
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

/** Throws `DELTA_SCHEMA` (exit 1) when the values of a column have fields that the table's column has no place for. */
export function assertNoLostField(field: DeltaField, column: Column, place: string): void {
  const type = deltaType(column);
  const unknown = type === undefined ? undefined : unknownField(field.type, type);
  if (unknown === undefined) return;
  throw new LakeError('DELTA_SCHEMA', `the rows have "${field.name}.${unknown}", which the table does not have`, {
    place,
    exitCode: 1,
    hint: 'leave it out, or add it to the table with mergeSchema',
  });
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

/** Throws `DELTA_SCHEMA` (exit 1) when the values of a column would lose fields or digits in the table's column. */
export function assertFits(field: DeltaField, column: Column, place: string): void {
  assertNoLostField(field, column, place);
  if (!losesDigits(field.type, column)) return;
  const types = `"${field.name}" is ${duckdbType(field.type)} in the table and ${column.type} in the rows`;
  throw new LakeError('DELTA_SCHEMA', `${types}: digits would be lost`, {
    place,
    exitCode: 1,
    hint: 'say how to round with a CAST in the rows',
  });
}
