import { didYouMean } from '../base/nearest.js';
import { readSqlFile } from '../base/sql-file.js';
import type { Session } from '../duckdb/session.js';
import { type Check, checkFileError } from './check-file.js';

/** What the SQL of a check refers to. */
export interface CheckInputs {
  /** Schema-qualified tables in lower case (DuckDB's names have no case), e.g. `metadata.ingestion_manifest`, sorted. */
  readonly tables: readonly string[];
  /** Names of the `$name` parameters, sorted. */
  readonly parameters: readonly string[];
}

interface Tree {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly position?: string;
  readonly statements?: readonly unknown[];
}

interface Found {
  readonly tables: Set<string>;
  readonly parameters: Set<string>;
}

function collect(node: unknown, found: Found): void {
  if (Array.isArray(node)) {
    for (const item of node) collect(item, found);
    return;
  }
  if (node === null || typeof node !== 'object') return;
  const {
    type,
    class: kind,
    schema_name: schema,
    table_name: table,
    catalog_name: catalog,
    identifier,
  } = node as Record<string, unknown>;
  if (type === 'BASE_TABLE' && typeof schema === 'string' && schema !== '' && !catalog)
    found.tables.add(`${schema}.${table}`.toLowerCase());
  if (kind === 'PARAMETER') found.parameters.add(String(identifier));
  for (const value of Object.values(node)) collect(value, found);
}

function placeOf(check: Check, position: string | undefined): string {
  const before = check.sql.slice(0, Number(position ?? 0));
  return `${check.file}:${check.sqlLine + before.split('\n').length - 1}`;
}

function assertSameParameters(check: Check, parameters: ReadonlySet<string>): void {
  const declared = Object.keys(check.params);
  const place = `${check.file}:${check.sqlLine}`;
  for (const name of parameters) {
    if (declared.includes(name)) continue;
    throw checkFileError(
      `the SELECT uses $${name}, which "params" does not declare`,
      place,
      didYouMean(name, declared),
    );
  }
  for (const name of declared) {
    if (parameters.has(name)) continue;
    throw checkFileError(`"params" declares ${name}, but the SELECT does not use $${name}`, place);
  }
}

function assertDeclaredTables(check: Check, tables: ReadonlySet<string>): void {
  if (check.tables === undefined) return;
  const declared = check.tables
    .map((name) => name.toLowerCase())
    .sort()
    .join(', ');
  const read = [...tables].sort().join(', ');
  if (declared !== read) {
    throw checkFileError(
      `"tables" declares ${declared || 'none'}, the SELECT reads ${read || 'none'}`,
      `${check.file}:1`,
    );
  }
}

/**
 * Looks at the SQL of a check without running or binding it: exactly one SELECT (DuckDB's own parser decides, so no
 * comment or quote can smuggle a second statement in), its parameters and tables the same as in the front matter.
 * @throws LakeError `CHECK_FILE` that names file and line.
 */
export async function inspectCheck(session: Session, check: Check): Promise<CheckInputs> {
  const [row] = await session.rows(readSqlFile('checks', 'serialize-statement'), { sql: check.sql });
  const tree = JSON.parse(String(row?.tree)) as Tree;
  const place = placeOf(check, tree.position);
  if (tree.error && tree.error_type === 'parser') throw checkFileError(`SQL: ${tree.error_message}`, place);
  const count = tree.statements?.length ?? 0;
  if (tree.error || count !== 1) {
    const got = tree.error ? '' : `; this file holds ${count === 0 ? 'none' : count}`;
    throw checkFileError(`a check is exactly one SELECT statement${got}`, place);
  }
  const found: Found = { tables: new Set(), parameters: new Set() };
  collect(tree.statements, found);
  assertSameParameters(check, found.parameters);
  assertDeclaredTables(check, found.tables);
  return { tables: [...found.tables].sort(), parameters: [...found.parameters].sort() };
}
