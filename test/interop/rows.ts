import { describe } from 'vitest';
import type { Session } from '../../src/duckdb/session.js';
import type { SqlRow, SqlValue } from '../../src/duckdb/values.js';
import { query, sql, tableIn } from '../support/delta.js';
import { callPython, findPython } from './delta-rs.js';

const found = findPython();
export const python = found ?? '';
/** `describe`, skipped when delta-rs is not installed; `setup.ts` says so. */
export const describeWithDeltaRs = describe.skipIf(found === undefined);

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** A value as `plain` of delta_rs.py writes it. */
export function plain(value: SqlValue): Plain {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return '-0';
    if (Number.isInteger(value)) return BigInt(value).toString();
    return Number.isFinite(value) ? value : String(value);
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) {
    const items = value.map(plain);
    const isMap = items.some((item) => item !== null && typeof item === 'object' && 'key' in item && 'value' in item);
    return isMap ? items.sort(byText) : items;
  }
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

/** Keys in the same order everywhere, so that text can be compared. */
function ordered(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

function byText(a: Plain, b: Plain): number {
  return JSON.stringify(ordered(a)) < JSON.stringify(ordered(b)) ? -1 : 1;
}

/** Rows in an order that depends on nothing but the rows. */
export function sorted(rows: readonly Plain[]): readonly Plain[] {
  return [...rows].sort(byText);
}

/** The rows of a table as we read them. */
export async function ourRows(
  session: Session,
  folder: string,
  text = 'SELECT * FROM t',
  options: { version?: number; skipping?: boolean } = {},
): Promise<{ rows: readonly Plain[]; read: number; files: number }> {
  const { version, skipping } = options;
  const result = await query(session, tableIn(folder, session), text, {
    ...(version === undefined ? {} : { at: { version } }),
    ...(skipping === undefined ? {} : { skipping }),
  });
  return { ...result, rows: sorted(result.rows.map((row: SqlRow) => plain(row))) };
}

export interface TableFacts {
  readonly rows: readonly Plain[];
  readonly version: number;
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] };
  readonly partition_columns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly protocol: readonly [number, number];
  readonly history: readonly { readonly version: number; readonly operation: string; readonly engineInfo: string }[];
  readonly files: number;
}

/** Everything that delta-rs says about a table. */
export function theirTable(folder: string, version?: number): TableFacts {
  const facts = callPython<TableFacts>(python, 'read', { path: folder, ...(version === undefined ? {} : { version }) });
  return { ...facts, rows: sorted(facts.rows) };
}

export interface StatsFacts {
  readonly wrong: readonly unknown[];
  readonly files: number;
  readonly bounds: number;
  readonly exact: number;
  readonly nulls: number;
  readonly partitions: readonly Readonly<Record<string, Plain>>[];
}

/** What delta-rs finds when it compares the statistics in the log with the rows in the files. */
export function theirStats(folder: string): StatsFacts {
  return callPython<StatsFacts>(python, 'stats', { path: folder });
}

/** Rows of SELECTs by DataFusion, which skips files by their statistics; the table is `t`. */
export function theirQueries(folder: string, texts: readonly string[]): readonly (readonly Plain[])[] {
  return callPython<Plain[][]>(python, 'query', { path: folder, sql: texts }).map(sorted);
}

/** A SELECT of DuckDB with every type that a Delta table can have; every seventh row is all nulls. */
export function allTypesRows(from: number, to: number) {
  return sql(`SELECT id, part, CASE WHEN id % 7 <> 6 THEN v.string END AS string,
    CASE WHEN id % 7 <> 6 THEN 9223372036854775807 - id END AS long,
    CASE WHEN id % 7 <> 6 THEN (-2147483648 + id)::INTEGER END AS integer,
    CASE WHEN id % 7 <> 6 THEN (id - 300)::SMALLINT END AS short,
    CASE WHEN id % 7 <> 6 THEN (id % 128)::TINYINT END AS byte,
    CASE WHEN id % 7 <> 6 THEN (id + 0.25)::FLOAT END AS float,
    CASE WHEN id % 7 <> 6 THEN [pi() * id, 'nan'::DOUBLE, 'inf'::DOUBLE][1 + id % 3] END AS double,
    CASE WHEN id % 7 <> 6 THEN id % 2 = 0 END AS boolean,
    CASE WHEN id % 7 <> 6 THEN from_hex(printf('%02x00ff', id % 256)) END AS binary,
    CASE WHEN id % 7 <> 6 THEN DATE '2026-01-01' + id::INTEGER END AS date,
    CASE WHEN id % 7 <> 6 THEN TIMESTAMPTZ '2026-01-01 12:30:15.123456Z' + to_hours(id) END AS timestamp,
    CASE WHEN id % 7 <> 6 THEN TIMESTAMP '2026-01-01 12:30:15.123456' - to_days((3650 * (id % 9))::INTEGER) END AS timestamp_ntz,
    CASE WHEN id % 7 <> 6 THEN (id / 100.0 - 1)::DECIMAL(10, 2) END AS decimal,
    CASE WHEN id % 7 <> 6 THEN 12345678901234567890123456.7890123456::DECIMAL(38, 10) + id END AS big_decimal,
    CASE WHEN id % 7 <> 6 THEN {'x': id, 'y': CASE WHEN id % 2 = 0 THEN 'y' || id END, 'z': {'deep': (id * 2)::INTEGER}} END AS struct,
    CASE WHEN id % 7 <> 6 THEN list_resize([id, NULL, id + 1][1:(id % 4)], id % 4) END AS list,
    CASE WHEN id % 7 <> 6 THEN MAP {'a': id, 'b': NULL::BIGINT} END AS map,
    CASE WHEN id % 7 <> 6 THEN CASE WHEN id % 2 = 0 THEN [] ELSE [{'k': 'k' || id, 'v': [id::INTEGER]}] END END AS structs
    FROM (SELECT i::BIGINT AS id, 'p' || i % 3 AS part, {'string': 'größe ' || i || ' ''"\\ 😀'} AS v FROM range(${from}, ${to}) t(i))`);
}

export const ALL_TYPES = {
  id: 'BIGINT',
  part: 'VARCHAR',
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
  decimal: 'DECIMAL(10,2)',
  big_decimal: 'DECIMAL(38,10)',
  struct: 'STRUCT(x BIGINT, y VARCHAR, z STRUCT(deep INTEGER))',
  list: 'BIGINT[]',
  map: 'MAP(VARCHAR, BIGINT)',
  structs: 'STRUCT(k VARCHAR, v INTEGER[])[]',
} as const;
