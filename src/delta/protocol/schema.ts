import { LakeError, messageOf } from '../../base/lake-error.js';
import { type Json, parseExactJson, renderExactJson } from './exact-json.js';

/** Names of PROTOCOL.md "Primitive Types". `timestamp` is an instant, `timestamp_ntz` a wall clock without a zone. */
export type PrimitiveName =
  | 'string'
  | 'long'
  | 'integer'
  | 'short'
  | 'byte'
  | 'float'
  | 'double'
  | 'boolean'
  | 'binary'
  | 'date'
  | 'timestamp'
  | 'timestamp_ntz'
  | 'void'
  | `decimal(${number},${number})`;

export interface PrimitiveType {
  readonly kind: 'primitive';
  readonly name: PrimitiveName;
}
interface ArrayType {
  readonly kind: 'array';
  readonly element: DeltaType;
  readonly containsNull: boolean;
}
interface MapType {
  readonly kind: 'map';
  readonly key: DeltaType;
  readonly value: DeltaType;
  readonly valueContainsNull: boolean;
}
interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly DeltaField[];
}
export type DeltaType = PrimitiveType | ArrayType | MapType | StructType;

export interface DeltaField {
  readonly name: string;
  readonly type: DeltaType;
  readonly nullable: boolean;
  /** Whole numbers beyond 2^53 (identity columns have them) are kept exactly and written back as they were. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DeltaSchema {
  readonly fields: readonly DeltaField[];
}

/** A column without fields of its own: a primitive, array or map, reached through structs only. */
export interface SchemaLeaf {
  readonly path: readonly string[];
  readonly type: Exclude<DeltaType, StructType>;
}

/** The DuckDB type of each primitive but decimal. */
export const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ntz: 'TIMESTAMP',
  // Nothing but NULL; never stored.
  void: '"NULL"',
};
const DECIMAL = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/;

type JsonObject = { readonly [key: string]: Json };

/**
 * The schema in `metaData.schemaString` (PROTOCOL.md "Schema Serialization Format").
 * Throws `DELTA_SCHEMA`, naming the field, for a type that is not supported, for names that differ only in case, and for anything
 * that is not a schema.
 */
export function parseSchema(schemaString: string): DeltaSchema {
  let json: Json;
  try {
    json = parseExactJson(schemaString);
  } catch (error) {
    throw new LakeError('DELTA_SCHEMA', `the table schema is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const type = parseType(json, []);
  if (type.kind !== 'struct') throw schemaError([], 'is not a struct');
  return { fields: type.fields };
}

function parseType(json: Json | undefined, path: readonly string[]): DeltaType {
  if (typeof json === 'string') return { kind: 'primitive', name: parsePrimitive(json, path) };
  if (!isObject(json)) throw schemaError(path, 'has no type');
  switch (json.type) {
    case 'struct':
      return { kind: 'struct', fields: parseFields(json.fields, path) };
    case 'array':
      return {
        kind: 'array',
        element: parseType(json.elementType, [...path, 'element']),
        containsNull: parseFlag(json.containsNull, path, 'containsNull'),
      };
    case 'map':
      return {
        kind: 'map',
        key: parseType(json.keyType, [...path, 'key']),
        value: parseType(json.valueType, [...path, 'value']),
        valueContainsNull: parseFlag(json.valueContainsNull, path, 'valueContainsNull'),
      };
    default:
      throw schemaError(path, `has type ${renderExactJson(json.type ?? null)}, which is not supported`);
  }
}

function parsePrimitive(name: string, path: readonly string[]): PrimitiveName {
  if (Object.hasOwn(DUCKDB_TYPES, name)) return name as PrimitiveName;
  // Spark writes the bare word for its default precision.
  if (name === 'decimal') return 'decimal(10,0)';
  const decimal = DECIMAL.exec(name);
  if (decimal === null) throw schemaError(path, `has type "${name}", which is not supported`);
  const precision = Number(decimal[1]);
  const scale = Number(decimal[2]);
  if (precision < 1 || precision > 38 || scale > precision)
    throw schemaError(path, `has the impossible type "${name}"`);
  return `decimal(${precision},${scale})`;
}

function parseFields(json: Json | undefined, path: readonly string[]): DeltaField[] {
  if (!Array.isArray(json)) throw schemaError(path, 'is a struct without a list of fields');
  const fields = (json as readonly Json[]).map((field) => parseField(field, path));
  checkFieldNames(fields, path);
  return fields;
}

function parseField(json: Json, parent: readonly string[]): DeltaField {
  if (!isObject(json) || typeof json.name !== 'string') throw schemaError(parent, 'has a field without a name');
  const path = [...parent, json.name];
  const metadata = json.metadata ?? {};
  if (!isObject(metadata)) throw schemaError(path, 'has metadata that is not an object');
  return {
    name: json.name,
    type: parseType(json.type, path),
    nullable: parseFlag(json.nullable, path, 'nullable'),
    metadata,
  };
}

function parseFlag(json: Json | undefined, path: readonly string[], name: string): boolean {
  if (json === undefined) return true;
  if (typeof json !== 'boolean') throw schemaError(path, `has a "${name}" that is neither true nor false`);
  return json;
}

/** Throws `DELTA_SCHEMA` when two names of one struct are equal or differ only in case. */
export function checkFieldNames(fields: readonly DeltaField[], parent: readonly string[] = []): void {
  const seen = new Map<string, string>();
  for (const { name } of fields) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      const what = other === name ? 'is there twice' : `differs from "${other}" only in upper and lower case`;
      throw schemaError([...parent, name], `${what}; Delta tells no such names apart`);
    }
    seen.set(name.toLowerCase(), name);
  }
}

/** The `schemaString` of a schema, as Spark writes it: no spaces, fields in order. */
export function serializeSchema(schema: DeltaSchema): string {
  return renderExactJson(typeJson({ kind: 'struct', fields: schema.fields }));
}

function typeJson(type: DeltaType): Json {
  switch (type.kind) {
    case 'primitive':
      return type.name;
    case 'array':
      return { type: 'array', elementType: typeJson(type.element), containsNull: type.containsNull };
    case 'map':
      return {
        type: 'map',
        keyType: typeJson(type.key),
        valueType: typeJson(type.value),
        valueContainsNull: type.valueContainsNull,
      };
    case 'struct':
      return {
        type: 'struct',
        fields: type.fields.map(({ name, type: fieldType, nullable, metadata }) => ({
          name,
          type: typeJson(fieldType),
          nullable,
          metadata: metadata as Json,
        })),
      };
  }
}

/** The DuckDB type that holds all values of a Delta type and that DuckDB writes to Parquet as Delta wants it, as SQL text. */
export function duckdbType(type: DeltaType): string {
  switch (type.kind) {
    case 'array':
      return `${duckdbType(type.element)}[]`;
    case 'map':
      return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`;
    case 'struct': {
      // DuckDB has no struct without fields, and Parquet cannot store one.
      if (type.fields.length === 0) return '"NULL"';
      const fields = type.fields.map(({ name, type: field }) => `"${name.replaceAll('"', '""')}" ${duckdbType(field)}`);
      return `STRUCT(${fields.join(', ')})`;
    }
    case 'primitive': {
      const decimal = decimalShape(type);
      return decimal ? `DECIMAL(${decimal.precision},${decimal.scale})` : (DUCKDB_TYPES[type.name] ?? 'VARCHAR');
    }
  }
}

/** All leaves in schema order, the order in which `delta.dataSkippingNumIndexedCols` counts them. */
export function schemaLeaves(fields: readonly DeltaField[], parent: readonly string[] = []): SchemaLeaf[] {
  return fields.flatMap(({ name, type }) => {
    const path = [...parent, name];
    return type.kind === 'struct' ? schemaLeaves(type.fields, path) : [{ path, type }];
  });
}

/** Precision and scale of a decimal type, undefined for other types. */
export function decimalShape(type: DeltaType): { readonly precision: number; readonly scale: number } | undefined {
  const match = type.kind === 'primitive' ? DECIMAL.exec(type.name) : null;
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) };
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function schemaError(path: readonly string[], problem: string): LakeError {
  const place = path.length === 0 ? 'the table schema' : `column "${path.join('.')}"`;
  return new LakeError('DELTA_SCHEMA', `${place} ${problem}`);
}
