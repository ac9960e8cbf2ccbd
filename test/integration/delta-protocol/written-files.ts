import type { AddFile } from '../../../src/delta/protocol/actions.js';
import { parsePlanFilters } from '../../../src/delta/protocol/plan-filters.js';
import type { Predicate } from '../../../src/delta/protocol/predicate.js';
import type { DeltaSchema } from '../../../src/delta/protocol/schema.js';
import { type ColumnStats, statsJson } from '../../../src/delta/protocol/stats.js';
import type { Session } from '../../../src/duckdb/session.js';

interface Entry {
  readonly key: string;
  readonly value: unknown;
}

const columnStats = (entries: readonly Entry[]): Record<string, ColumnStats> =>
  Object.fromEntries(
    entries.map(({ key, value }) => {
      const facts = new Map((value as readonly Entry[]).map((fact) => [fact.key, String(fact.value)]));
      const { min, max } = { min: facts.get('min'), max: facts.get('max') };
      const stats = {
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        nullCount: Number(facts.get('null_count')),
        hasNan: facts.get('has_nan') === 'true',
      };
      return [key, stats];
    }),
  );

/** Writes `query` to `path` with DuckDB and returns what an `add` action says about it. */
export async function writeFile(
  session: Session,
  query: string,
  path: string,
): Promise<Record<string, ColumnStats> & { readonly $count: number }> {
  const [row] = await session.rows(`COPY (${query}) TO '${path}' (FORMAT parquet, RETURN_STATS)`);
  return { ...columnStats(row?.column_statistics as unknown as readonly Entry[]), $count: Number(row?.count) } as never;
}

export async function addFile(
  session: Session,
  schema: DeltaSchema,
  file: { query: string; path: string; partitionValues?: Record<string, string | null> },
): Promise<AddFile> {
  const { $count, ...columns } = await writeFile(session, file.query, file.path);
  const partitionValues = file.partitionValues ?? {};
  return {
    path: file.path,
    partitionValues,
    size: 0,
    modificationTime: 0,
    dataChange: true,
    stats: statsJson(schema, { numRecords: $count, columns }, { partitionColumns: Object.keys(partitionValues) }),
  };
}

interface PlanNode {
  readonly children?: readonly PlanNode[];
  readonly extra_info?: { readonly Table?: string; readonly Filters?: string | readonly string[] };
}

export const PLAN_MODE =
  "SET disabled_optimizers='statistics_propagation,empty_result_pullup,join_filter_pushdown,compressed_materialization,common_subplan'";

/** The filters of each scan of `table` in the plan of `sql`. */
export async function scanFilters(
  session: Session,
  sql: string,
  params?: Record<string, string | number>,
): Promise<string[][]> {
  const [row] = await session.rows(`EXPLAIN (FORMAT json) ${sql}`, params);
  const scans: string[][] = [];
  const visit = (node: PlanNode) => {
    const filters = node.extra_info?.Filters ?? [];
    if (node.extra_info?.Table !== undefined) scans.push(typeof filters === 'string' ? [filters] : [...filters]);
    for (const child of node.children ?? []) visit(child);
  };
  for (const node of JSON.parse(String(row?.explain_value)) as PlanNode[]) visit(node);
  return scans;
}

/** What the plan says about the rows that `SELECT … FROM table WHERE condition` wants. */
export async function planPredicate(
  session: Session,
  schema: DeltaSchema,
  query: { table: string; condition: string; params?: Record<string, string | number> },
): Promise<Predicate> {
  const scans = await scanFilters(
    session,
    `SELECT count(*) FROM ${query.table} WHERE ${query.condition}`,
    query.params,
  );
  return { op: 'or', terms: scans.map((filters) => parsePlanFilters(filters, schema.fields)) };
}
