import { LakeError } from '../../base/lake-error.js';
import {
  checkFieldNames,
  type DeltaField,
  type DeltaSchema,
  type DeltaType,
  DUCKDB_TYPES,
  type PrimitiveName,
} from './schema.js';

const FROM_DUCKDB: Readonly<Record<string, PrimitiveName>> = {
  ...Object.fromEntries(
    // A column of nothing but NULL is nobody's wish: its type is not known yet.
    Object.entries(DUCKDB_TYPES).flatMap(([delta, duckdb]) =>
      delta === 'void' ? [] : [[duckdb, delta as PrimitiveName]],
    ),
  ),
  TIMESTAMPTZ: 'timestamp',
  ENUM: 'string',
  JSON: 'string',
};

/** What to cast to when Delta has no such type. */
const CAST_TO: Readonly<Record<string, string>> = {
  UTINYINT: 'SMALLINT',
  USMALLINT: 'INTEGER',
  UINTEGER: 'BIGINT',
  UBIGINT: 'DECIMAL(20,0)',
  HUGEINT: 'DECIMAL(38,0) or BIGINT',
  UHUGEINT: 'DECIMAL(38,0)',
  BIGNUM: 'DECIMAL(38,0)',
  TIMESTAMP_S: 'TIMESTAMP',
  TIMESTAMP_MS: 'TIMESTAMP',
  TIMESTAMP_NS: 'TIMESTAMP',
  '"NULL"': 'the type you mean, e.g. CAST(NULL AS VARCHAR)',
  UNION: 'STRUCT',
};

/**
 * The Delta schema of columns of a DuckDB query, from type text as DESCRIBE prints it; everything is nullable.
 * Throws `DELTA_SCHEMA` for a type that Delta has not, with the type to cast to, and for names that differ only in case.
 */
export function schemaFromDuckdb(columns: readonly { readonly name: string; readonly type: string }[]): DeltaSchema {
  const fields = columns.map(({ name, type }) => field(name, parseDuckdbType(name, type)));
  checkFieldNames(fields);
  return { fields };
}

function field(name: string, type: DeltaType): DeltaField {
  return { name, type, nullable: true, metadata: {} };
}

const TOKEN = /"(?:[^"]|"")*"|'(?:[^']|'')*'|[()[\],]|[^\s()[\],"']+/g;

/** The tokens of a type text that are not yet read, and the column for messages. */
interface Reader {
  readonly column: string;
  readonly text: string;
  readonly tokens: string[];
}

function parseDuckdbType(column: string, text: string): DeltaType {
  const reader = { column, text, tokens: text.match(TOKEN) ?? [] };
  const type = readType(reader);
  if (reader.tokens.length > 0) throw notUnderstood(reader);
  return type;
}

function readType(reader: Reader): DeltaType {
  let type = readBase(reader);
  while (reader.tokens[0] === '[') {
    reader.tokens.shift();
    // A fixed length: Parquet and Delta have lists only.
    if (/^\d+$/.test(reader.tokens[0] ?? '')) reader.tokens.shift();
    expect(reader, ']');
    type = { kind: 'array', element: type, containsNull: true };
  }
  return type;
}

function readBase(reader: Reader): DeltaType {
  const words = [];
  while (reader.tokens[0] !== undefined && !/^[()[\],]$/.test(reader.tokens[0])) words.push(reader.tokens.shift());
  const word = words.join(' ');
  switch (word) {
    case 'STRUCT':
      return { kind: 'struct', fields: readFields(reader) };
    case 'MAP': {
      expect(reader, '(');
      const key = readType(reader);
      expect(reader, ',');
      const value = readType(reader);
      expect(reader, ')');
      return { kind: 'map', key, value, valueContainsNull: true };
    }
    case 'DECIMAL':
      return { kind: 'primitive', name: `decimal(${readShape(reader)})` as PrimitiveName };
    case 'ENUM':
      readArguments(reader);
      break;
  }
  const name = Object.hasOwn(FROM_DUCKDB, word) ? FROM_DUCKDB[word] : undefined;
  if (name === undefined) throw unsupported(reader, word);
  return { kind: 'primitive', name };
}

function readFields(reader: Reader): DeltaField[] {
  const fields: DeltaField[] = [];
  expect(reader, '(');
  do {
    const name = reader.tokens.shift() ?? '';
    fields.push(field(name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name, readType(reader)));
  } while (reader.tokens[0] === ',' && reader.tokens.shift());
  expect(reader, ')');
  checkFieldNames(fields, [reader.column]);
  return fields;
}

function readShape(reader: Reader): string {
  // A bare DECIMAL is DuckDB's DECIMAL(18,3).
  if (reader.tokens[0] !== '(') return '18,3';
  const shape = readArguments(reader).filter((token) => token !== ',');
  if (shape.length !== 2 || !shape.every((digits) => /^\d+$/.test(digits))) throw notUnderstood(reader);
  return shape.join(',');
}

/** The tokens between the next pair of parentheses. */
function readArguments(reader: Reader): string[] {
  expect(reader, '(');
  const end = reader.tokens.indexOf(')');
  if (end < 0) throw notUnderstood(reader);
  return reader.tokens.splice(0, end + 1).slice(0, -1);
}

function expect(reader: Reader, token: string): void {
  if (reader.tokens.shift() !== token) throw notUnderstood(reader);
}

function notUnderstood({ column, text }: Reader): LakeError {
  return new LakeError('DELTA_SCHEMA', `column "${column}" has a type that is not understood: ${text}`);
}

function unsupported({ column, text }: Reader, type: string): LakeError {
  const inside = type === text ? '' : ` inside ${text}`;
  return new LakeError('DELTA_SCHEMA', `column "${column}" has type ${type}${inside}, which Delta does not have`, {
    hint: `cast it in the query, to ${(Object.hasOwn(CAST_TO, type) ? CAST_TO[type] : undefined) ?? 'VARCHAR'}`,
  });
}
