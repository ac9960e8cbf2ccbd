/** What DuckDB does with the text of a value. */
export type ValueKind =
  | 'boolean'
  | 'number'
  | 'decimal'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'bytes'
  /** A numeric that no DECIMAL holds. */
  | 'numeric'
  | 'text'
  /** An array or a composite value, which the server gives as JSON. */
  | 'json';

/** A column as the server describes it. */
export interface ServerColumn {
  readonly name: string;
  readonly oid: number;
  readonly typmod: number;
  /** `format_type`. */
  readonly postgresType: string;
  /** `pg_type.typtype`: `c` for composite ones. */
  readonly typtype: string;
  /** `pg_type.typcategory`: `A` for arrays. */
  readonly category: string;
  readonly nullable: boolean;
}

export interface SourceColumn {
  readonly name: string;
  readonly postgresType: string;
  readonly kind: ValueKind;
  /** DuckDB's name of the type. */
  readonly type: string;
  readonly nullable: boolean;
}

const FIXED: ReadonlyMap<number, readonly [ValueKind, string]> = new Map([
  [16, ['boolean', 'BOOLEAN']],
  [17, ['bytes', 'BLOB']],
  [20, ['number', 'BIGINT']],
  [21, ['number', 'SMALLINT']],
  [23, ['number', 'INTEGER']],
  [26, ['number', 'BIGINT']],
  [700, ['number', 'FLOAT']],
  [701, ['number', 'DOUBLE']],
  [1082, ['date', 'DATE']],
  [1114, ['timestamp', 'TIMESTAMP']],
  [1184, ['timestamptz', 'TIMESTAMP WITH TIME ZONE']],
] as const);

const NUMERIC = 1700;
/** `record`, `record[]`, `anyarray` (of `pg_stats`). */
const NESTED_PSEUDO: ReadonlySet<number> = new Set([2249, 2287, 2277]);
const MOST_DIGITS = 38;

/** The DECIMAL that holds every value of `numeric(p,s)`; undefined when there is none. A negative scale rounds to tens, one above the precision has leading zeros. */
function decimalOf(typmod: number): string | undefined {
  if (typmod < 4) return undefined;
  const precision = ((typmod - 4) >> 16) & 0xffff;
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
  const digits = Math.max(precision, scale, precision - scale);
  return digits > MOST_DIGITS ? undefined : `DECIMAL(${digits},${Math.max(scale, 0)})`;
}

function typeOf({ oid, typmod, typtype, category }: ServerColumn): readonly [ValueKind, string] {
  const fixed = FIXED.get(oid);
  if (fixed !== undefined) return fixed;
  if (oid === NUMERIC) {
    const decimal = decimalOf(typmod);
    return decimal === undefined ? ['numeric', 'VARCHAR'] : ['decimal', decimal];
  }
  const nested = category === 'A' || typtype === 'c' || NESTED_PSEUDO.has(oid);
  return [nested ? 'json' : 'text', 'VARCHAR'];
}

/** The type of a column in the Parquet file. */
export function planColumn(column: ServerColumn): SourceColumn {
  const { name, postgresType, nullable } = column;
  const [kind, type] = typeOf(column);
  return { name, postgresType, kind, type, nullable };
}

/** Kinds of which a value may not fit its type: those are checked. */
export function canMisfit(kind: ValueKind): boolean {
  return kind === 'decimal' || kind === 'date' || kind === 'timestamp' || kind === 'timestamptz';
}
