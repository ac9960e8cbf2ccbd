import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import type { CsvPlan } from './csv-file.js';
import type { JsonPlan } from './json-file.js';
import type { FileColumn } from './model.js';
import { type Layout, literalName, type StageTables, stageColumns } from './stage-tables.js';
import type { TextPool } from './text-pool.js';

/** Files with more text than this are copied to Parquet, where they take no memory. */
const LARGE_BYTES = 32 * 1024 * 1024;
const MIN_LINE = 2 * 1024 * 1024;
const BUFFER = 8 * 1024 * 1024;

export interface StageTarget {
  readonly session: Session;
  readonly tables: StageTables;
  readonly pool: TextPool;
  readonly no: number;
  /** Where a copy of a large file goes. */
  readonly copy: string;
}

interface Loaded {
  readonly rows: number;
  /** Whether the rows are in `copy`. */
  readonly copied: boolean;
}

async function rowsOf(session: Session, sql: string, params: SqlParams): Promise<number> {
  const [row] = await session.rows(sql, params);
  return Number(row?.['Count'] ?? 0);
}

function csvOptions(plan: CsvPlan): SqlFragment {
  const types = stageColumns(plan.names.length).map((name) => trustedFragment(`${name}: 'VARCHAR'`));
  return trustedFragment(
    fillSql(readSqlFile('sources', 'csv_options'), {
      types: joinFragments(types, ', '),
      // DuckDB finds no rows at all when it is told that lines end with CRLF; it tells that itself from the first line.
      newline: trustedFragment(plan.newline === undefined ? '' : "new_line = '\\n',"),
    }),
  );
}

/** The rows of a CSV file, as DuckDB reads them. */
export async function loadCsv(target: StageTarget, plan: CsvPlan, nullValues: readonly string[]): Promise<Loaded> {
  const { session, tables, no } = target;
  const columns: FileColumn[] = plan.names.map((name) => ({ name, type: 'TEXT' }));
  const layout = tables.layout('csv', columns);
  layout.files.set(no, columns);
  const maxLine = Math.max(MIN_LINE, plan.longestRecord + 16);
  const params = {
    file: literalName(plan.source),
    header: plan.header,
    delimiter: plan.delimiter,
    quote: plan.quote,
    null_values: ['', ...nullValues],
    max_line: maxLine,
    buffer: Math.max(BUFFER, 2 * maxLine),
  };
  const names = stageColumns(columns.length);
  const fragments = { columns: joinFragments(names, ', '), options: csvOptions(plan) };
  if (plan.size > LARGE_BYTES) {
    const sql = fillSql(readSqlFile('sources', 'stage_csv_copy'), fragments);
    const rows = await rowsOf(session, sql, { ...params, copy: target.copy });
    layout.copies.push({ no, path: target.copy, from: columns.map((_, i) => i) });
    return { rows, copied: true };
  }
  await tables.prepare(layout);
  const sql = fillSql(readSqlFile('sources', 'stage_csv'), { ...fragments, table: layout.table });
  return { rows: await rowsOf(session, sql, { ...params, no }), copied: false };
}

/** For each column of a layout, where a file has it. */
function placesIn(layout: Layout, columns: readonly FileColumn[]): (number | undefined)[] {
  const places = new Map(columns.map(({ name }, i) => [name, i]));
  return layout.columns.map(({ name }) => places.get(name));
}

/** The rows of a JSON file: pooled with those of others, or read from the file that they were written to. */
export async function loadJson(target: StageTarget, plan: JsonPlan, spill: string): Promise<Loaded> {
  const { session, tables, no } = target;
  const layout = tables.layout('json', plan.columns);
  layout.files.set(no, plan.columns);
  const from = placesIn(layout, plan.columns);
  if (plan.kept === undefined) {
    const values = plan.columns.map((_, i) => trustedFragment(`v[${i + 1}] AS ${identifier(`c${i}`)}`));
    const sql = fillSql(readSqlFile('sources', 'stage_texts_copy'), { values: joinFragments(values, ', ') });
    const maxLine = Math.max(16 * 1024 * 1024, 6 * plan.longestRow + 1024);
    const rows = await rowsOf(session, sql, { file: literalName(spill), copy: target.copy, max_line: maxLine });
    layout.copies.push({ no, path: target.copy, from });
    return { rows, copied: true };
  }
  await target.pool.add(layout, no, { rows: plan.kept, from });
  return { rows: plan.kept.length, copied: false };
}

/** The rows of a Parquet file that DuckDB itself has written. */
export async function loadParquet(target: StageTarget, columns: readonly FileColumn[], size: number): Promise<Loaded> {
  const { session, tables, no } = target;
  const layout = tables.layout('parquet', columns);
  layout.files.set(no, columns);
  if (size > LARGE_BYTES) {
    layout.copies.push({ no, path: target.copy, from: columns.map((_, i) => i) });
    return { rows: 0, copied: true };
  }
  await tables.prepare(layout);
  const names = joinFragments(stageColumns(columns.length), ', ');
  const sql = fillSql(readSqlFile('sources', 'stage_parquet'), { table: layout.table, columns: names });
  return { rows: await rowsOf(session, sql, { no, file: literalName(target.copy) }), copied: false };
}
