import { LakeError, usageError } from '../../base/lake-error.js';
import { readSqlFile } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';

/** A read-only statement, understood far enough to know which tables it names. */
export interface ParsedSelect {
  /** Without a leading EXPLAIN. */
  readonly body: string;
  readonly explained: boolean;
  /** Table names as written, `schema.table` or `table`; names of CTEs are among them. */
  readonly tables: readonly string[];
  /** True for SHOW TABLES and its like, which look at the catalog. */
  readonly showsCatalog: boolean;
}

const EXPLAIN =
  /^((?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*)EXPLAIN(?:\s+ANALYZE\b|\s*\((?!\s*(?:SELECT|FROM|WITH|VALUES|TABLE|\())(?:[^)']|'[^']*')*\))?\s*/i;
const HINT = 'one statement that reads: SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN of these';

interface Node {
  readonly [key: string]: unknown;
}

function collectTables(value: unknown, into: { tables: Set<string>; show: boolean }): void {
  if (Array.isArray(value)) for (const item of value) collectTables(item, into);
  else if (typeof value === 'object' && value !== null) {
    const node = value as Node;
    if (node['type'] === 'BASE_TABLE') {
      const parts = [node['catalog_name'], node['schema_name'], node['table_name']]
        .map(String)
        .filter((part) => part !== '');
      into.tables.add(parts.join('.'));
    }
    if (node['type'] === 'SHOW_REF' && !node['query']) into.show = true;
    for (const child of Object.values(node)) collectTables(child, into);
  }
}

/**
 * Parses one read-only statement without running anything. Throws a usage error (exit 2) for anything else: several
 * statements, a statement that writes or changes settings, a syntax error.
 */
export async function parseSelect(session: Session, sql: string): Promise<ParsedSelect> {
  const explain = EXPLAIN.exec(sql);
  const body = explain === null ? sql : sql.slice(explain[0].length);
  const [row] = await session.rows(readSqlFile('delta', 'query_parse'), { sql: body });
  const parsed = JSON.parse(String(row?.['parsed'])) as {
    error: boolean;
    error_type?: string;
    error_message?: string;
    statements?: unknown[];
  };
  if (parsed.error) {
    const refused = parsed.error_type === 'not implemented';
    const message = refused
      ? 'only statements that read are allowed here'
      : `the SQL is not valid: ${parsed.error_message ?? ''}`;
    throw new LakeError('USAGE', message, { exitCode: 2, hint: refused ? HINT : 'see the position in the message' });
  }
  if (parsed.statements?.length !== 1) {
    throw usageError(`expected one SQL statement, found ${parsed.statements?.length ?? 0}`, { hint: HINT });
  }
  const found = { tables: new Set<string>(), show: false };
  collectTables(parsed.statements, found);
  return { body, explained: explain !== null, tables: [...found.tables], showsCatalog: found.show };
}
