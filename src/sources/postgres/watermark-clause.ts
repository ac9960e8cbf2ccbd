import { EXIT, LakeError } from '../../base/lake-error.js';
import { didYouMean } from '../../base/nearest.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { SourceColumn } from './column-types.js';
import type { ServerSource } from './describe.js';
import { configError } from './errors.js';
import type { WatermarkRequest } from './model.js';

/** What the rows that are read are told by. */
export interface RowFilter {
  /** `WHERE …`, or nothing. */
  readonly where: SqlFragment;
  /** 1 for a row that is read only because it came late, else 0. */
  readonly mark: SqlFragment;
  /** Values that the statement reads with `current_setting`. */
  readonly settings: Readonly<Record<string, string>>;
  /** The lower bound, as a value of the column's type; absent when there is none. */
  readonly bound?: SqlFragment;
  readonly column?: SourceColumn;
  /** Whether late rows are looked for. */
  readonly seesLate: boolean;
  readonly notes: readonly string[];
}

const TIMES: Readonly<Record<string, string>> = {
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
};
const WHOLE: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);
/** More than any id can be away: all row versions are late. */
const ANY_AGE = 2n ** 32n;

const sql = (text: string, parts: Readonly<Record<string, SqlFragment>>) =>
  trustedFragment(fillSql(text, parts).trim());

/** What the bound is computed in; undefined for a column that cannot be a watermark of this type. */
function typesOf(type: WatermarkRequest['type'], { kind, postgresType }: SourceColumn) {
  if (type === 'timestamp') {
    const name = TIMES[kind];
    return name === undefined ? undefined : { type: name, step: 'interval' };
  }
  if (WHOLE.has(postgresType)) return { type: 'bigint', step: 'bigint' };
  const isNumeric = kind === 'decimal' || kind === 'numeric';
  return isNumeric ? { type: 'numeric', step: 'numeric' } : undefined;
}

function watermarkColumn(request: WatermarkRequest, source: ServerSource, place: string) {
  const column = source.columns.find(({ name }) => name === request.column);
  if (column === undefined) {
    const known = source.columns.map(({ name }) => name);
    const message = `the watermark column "${request.column}" is not among the columns`;
    throw configError(message, place, didYouMean(request.column, known));
  }
  const types = typesOf(request.type, column);
  if (types !== undefined) return { column, ...types };
  const message = `the column "${column.name}" has type ${column.postgresType}, which is no watermark of type ${request.type}`;
  const hint = 'timestamp: timestamp, timestamptz, date; integer: smallint, integer, bigint, numeric';
  throw configError(message, place, hint);
}

/** How far back, in ids of transactions, a row version is late; and what to say about it. */
function lateAge(lateFrom: string, xmax: bigint, place: string): { age: bigint; notes: string[] } {
  if (!/^\d+$/.test(lateFrom)) throw configError(`"${lateFrom}" is no id of a transaction`, place);
  const age = xmax - BigInt(lateFrom);
  if (age >= 0n) return { age, notes: [] };
  const note =
    'the server counts its transactions from lower ids than in the last run: it was restored or is another one, and every row is read again';
  return { age: ANY_AGE, notes: [note] };
}

export interface FilterFacts {
  readonly source: ServerSource;
  /** The 64-bit id that follows those of the snapshot. */
  readonly xmax: bigint;
  readonly place: string;
}

/** Which rows a watermark takes; without one all of them. */
export function planFilter(request: WatermarkRequest | undefined, facts: FilterFacts): RowFilter {
  const none = { where: trustedFragment(''), mark: trustedFragment('0'), settings: {}, seesLate: false, notes: [] };
  if (request === undefined) return none;
  const { source, xmax, place } = facts;
  const { column, type, step } = watermarkColumn(request, source, place);
  const parts = { column: identifier(column.name) };
  const withNulls = request.nulls === 'include' && column.nullable;
  if (request.lower === null) {
    const needed = request.nulls === 'exclude' && column.nullable;
    const value = sql(readSqlFile('sources', 'pg_where_value'), parts);
    return { ...none, column, where: needed ? trustedFragment(`WHERE ${value}`) : none.where };
  }
  const bound = sql(readSqlFile('sources', 'pg_bound'), { type: trustedFragment(type), step: trustedFragment(step) });
  const inTime = [
    sql(readSqlFile('sources', 'pg_where_from'), { ...parts, bound }),
    ...(withNulls ? [sql(readSqlFile('sources', 'pg_where_null'), parts)] : []),
  ];
  const overlap = request.overlap ?? '0';
  const settings = {
    'lakeledger.lower': request.lower,
    'lakeledger.overlap': step === 'interval' ? `${overlap} milliseconds` : overlap,
  };
  const either = joinFragments(inTime, ' OR ');
  if (request.lateFrom === null || !source.canSeeLateRows) {
    return { ...none, column, bound, settings, where: trustedFragment(`WHERE ${either}`) };
  }
  const { age, notes } = lateAge(request.lateFrom, xmax, place);
  const late = sql(readSqlFile('sources', 'pg_where_late'), {});
  const value = sql(readSqlFile('sources', 'pg_where_value'), parts);
  const isLate = withNulls || !column.nullable ? late : trustedFragment(`(${value} AND ${late})`);
  return {
    column,
    bound,
    settings: { ...settings, 'lakeledger.xmax': String(xmax), 'lakeledger.late_age': String(age) },
    where: trustedFragment(`WHERE ${either} OR ${isLate}`),
    mark: sql(readSqlFile('sources', 'pg_late_mark'), { in_time: either }),
    seesLate: true,
    notes,
  };
}

/** The stored lower bound is no value of the column: it was set by hand, or the column has another type now. */
export function boundError(request: WatermarkRequest, error: unknown, place: string): LakeError {
  const message = `the watermark "${request.lower}" of the column "${request.column}" cannot be compared with its values`;
  return new LakeError('WATERMARK', message, {
    place,
    cause: error,
    exitCode: EXIT.usage,
    hint: 'set it to a value of the column, or reset it to read everything again',
  });
}
