import { LakeError } from '../../base/lake-error.js';
import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';

interface PlanNode {
  readonly children?: readonly PlanNode[];
  readonly extra_info?: Readonly<Record<string, string | readonly string[]>>;
}

function plainName(name: string): string {
  return name.replaceAll('"', '').toLowerCase();
}

/** The filters of every scan in a plan, by table name; a scan without a filter is an empty list. */
function scanFilters(plan: readonly PlanNode[]): Map<string, (readonly string[])[]> {
  const found = new Map<string, (readonly string[])[]>();
  const visit = (node: PlanNode): void => {
    const table = node.extra_info?.['Table'];
    if (typeof table === 'string') {
      const filters = node.extra_info?.['Filters'] ?? [];
      const list = found.get(plainName(table)) ?? [];
      list.push(typeof filters === 'string' ? [filters] : filters);
      found.set(plainName(table), list);
    }
    for (const child of node.children ?? []) visit(child);
  };
  for (const node of plan) visit(node);
  return found;
}

/**
 * The filters that DuckDB's optimiser pushes to each table of a statement, by table name; a scan without a filter is an empty
 * list. The tables are empty stand-ins. Undefined when the statement is not valid: run, it says so in its own words.
 */
export async function planFilters(
  session: Session,
  body: string,
  params: SqlParams | undefined,
): Promise<Map<string, (readonly string[])[]> | undefined> {
  await session.run(readSqlFile('delta', 'query_plan_mode'));
  try {
    const sql = fillSql(readSqlFile('delta', 'query_explain'), { statement: trustedFragment(body) });
    const [row] = await session.rows(sql, params);
    return scanFilters(JSON.parse(String(row?.['explain_value'])));
  } catch (error) {
    if (error instanceof LakeError && error.code === 'SQL') return undefined;
    throw error;
  } finally {
    await session.run(readSqlFile('delta', 'query_run_mode'));
  }
}
