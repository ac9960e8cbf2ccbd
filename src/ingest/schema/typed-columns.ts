import { LakeError, usageError } from '../../base/lake-error.js';
import { duckdbTypeOf, schemaFromDuckdb } from '../../delta/index.js';
import { NO_TYPE } from './model.js';

/** Types that Delta has not, and one of its own that holds every value. */
const STORED_AS: Readonly<Record<string, string>> = {
  UTINYINT: 'SMALLINT',
  USMALLINT: 'INTEGER',
  UINTEGER: 'BIGINT',
  UBIGINT: 'DECIMAL(20,0)',
  TIMESTAMP_S: 'TIMESTAMP',
  TIMESTAMP_MS: 'TIMESTAMP',
  TIMESTAMP_NS: 'TIMESTAMP',
};

/** Types whose text is what DuckDB's VARCHAR is anyway. */
const TEXTUAL = /^(?:VARCHAR|JSON|ENUM\b)/;

export interface StoredType {
  readonly type: string;
  readonly note?: string;
}

/** A type as a Delta table has it, with the names of struct fields quoted; undefined when Delta has none. */
export function deltaType(type: string): string | undefined {
  try {
    const [field] = schemaFromDuckdb([{ name: 'value', type }]).fields;
    return field === undefined ? undefined : duckdbTypeOf(field.type);
  } catch (error) {
    if (error instanceof LakeError && error.code === 'DELTA_SCHEMA') return undefined;
    throw error;
  }
}

/** The type in which a typed column (of a Parquet file) is kept without loss; `VARCHAR` when there is no other. */
export function storedType(type: string): StoredType {
  if (type === '"NULL"' || type === 'NULL') return { type: NO_TYPE };
  if (TEXTUAL.test(type)) return { type: 'VARCHAR' };
  const same = deltaType(type);
  if (same !== undefined) return { type: same };
  const wider = Object.hasOwn(STORED_AS, type) ? STORED_AS[type] : undefined;
  return wider === undefined
    ? { type: 'VARCHAR', note: `kept as text: Delta has no type ${type}` }
    : { type: wider, note: `${type} is kept as ${wider}` };
}

/** A type of the configuration as DuckDB calls it. Throws a usage error for one that a Delta table cannot have. */
export function declaredType(column: string, text: string): string {
  const words = text.trim().toUpperCase();
  const known: Readonly<Record<string, string>> = {
    TEXT: 'VARCHAR',
    STRING: 'VARCHAR',
    INT: 'INTEGER',
    LONG: 'BIGINT',
    REAL: 'FLOAT',
    BOOL: 'BOOLEAN',
    TIMESTAMPTZ: 'TIMESTAMP WITH TIME ZONE',
    DATETIME: 'TIMESTAMP',
    BYTES: 'BLOB',
  };
  const type = deltaType(
    Object.hasOwn(known, words) ? (known[words] ?? words) : words.replace(/^NUMERIC\b/, 'DECIMAL'),
  );
  if (type !== undefined) return type;
  throw usageError(`the type "${text}" of column "${column}" is not known`, {
    hint: 'write a type as VARCHAR, BIGINT, INTEGER, DOUBLE, DECIMAL(12,2), BOOLEAN, DATE, TIMESTAMP or TIMESTAMPTZ',
  });
}

const WHOLE_RANK: Readonly<Record<string, number>> = { TINYINT: 1, SMALLINT: 2, INTEGER: 3, BIGINT: 4 };

function isNumber(type: string): boolean {
  return type in WHOLE_RANK || type === 'DOUBLE' || type === 'FLOAT';
}

/** The type for a column that has types of its own in several layouts of a batch. */
export function commonType(a: string, b: string): string {
  if (a === b || b === NO_TYPE) return a;
  if (a === NO_TYPE) return b;
  const [rankA, rankB] = [WHOLE_RANK[a], WHOLE_RANK[b]];
  if (rankA !== undefined && rankB !== undefined) return rankA > rankB ? a : b;
  if (isNumber(a) && isNumber(b)) return 'DOUBLE';
  if ([a, b].sort().join() === 'DATE,TIMESTAMP') return 'TIMESTAMP';
  return 'VARCHAR';
}
