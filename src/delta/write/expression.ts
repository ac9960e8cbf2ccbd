import { LakeError, usageError } from '../../base/lake-error.js';
import { joinFragments, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { Session, SqlParams } from '../../duckdb/session.js';

/** A node of DuckDB's serialised syntax tree. */
export interface SqlNode {
  readonly class?: string;
  readonly type?: string;
  readonly children?: readonly SqlNode[];
  readonly [key: string]: unknown;
}

/** One scalar expression of SQL. */
export interface SqlExpression {
  /** In parentheses, ready to stand in a statement. */
  readonly sql: SqlFragment;
  readonly tree: SqlNode;
}

/** What a query may have besides its one column. */
const PARTS = ['where_clause', 'group_expressions', 'having', 'sample', 'qualify', 'modifiers'];

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

function soleColumn(parsed: { readonly statements?: readonly { readonly node?: SqlNode }[] }): SqlNode | undefined {
  const node = parsed.statements?.length === 1 ? parsed.statements[0]?.node : undefined;
  if (node?.type !== 'SELECT_NODE') return undefined;
  const columns = node['select_list'] as readonly SqlNode[];
  const from = node['from_table'] as SqlNode | null;
  const plain =
    columns.length === 1 && (from === null || from.type === 'EMPTY') && PARTS.every((part) => isEmpty(node[part]));
  return plain ? columns[0] : undefined;
}

/** Whether a window function is in an expression outside of its subqueries. */
function hasWindow(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { class: kind } = value as SqlNode;
  return kind === 'WINDOW' || (kind !== 'SUBQUERY' && Object.values(value).some(hasWindow));
}

/**
 * One expression that a caller wrote, checked to be just that: neither a second column nor another clause or statement.
 * `what` names it in errors. Throws a usage error (exit 2) with DuckDB's words.
 */
export async function parseExpression(session: Session, text: string, what: string): Promise<SqlExpression> {
  const [row] = await session.rows(readSqlFile('delta', 'parse_expression'), { expression: text });
  const parsed = JSON.parse(String(row?.['parsed']));
  if (parsed.error) {
    throw new LakeError('USAGE', `${what} is not valid SQL: ${parsed.error_message ?? ''}`, {
      exitCode: 2,
      hint: `it reads: ${text}`,
    });
  }
  const tree = soleColumn(parsed);
  if (tree !== undefined && hasWindow(tree)) throw usageError(`${what} must not look at other rows: ${text}`);
  if (tree === undefined || text.trim() === '')
    throw usageError(`${what} is not one SQL expression`, { hint: `it reads: ${text}` });
  // The line break ends a comment that the expression may end with.
  return { sql: trustedFragment(`(${text}\n)`), tree };
}

/** Strings, names and comments, where `$name` is no parameter, and parameters. */
const PARAMETER =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_]\w*|)\$[\s\S]*?\$\1\$|\$(?<name>\w+)/g;

/** Expressions as the columns of a SELECT. */
export function expressionColumns(expressions: readonly Pick<SqlExpression, 'sql'>[]): SqlFragment {
  return joinFragments(
    expressions.map(({ sql }, i) => trustedFragment(`${sql} AS e${i}`)),
    ', ',
  );
}

/** DuckDB's types of the expressions that `statement` has as its columns, without running it. Throws a usage error (exit 2) with DuckDB's words. */
export async function expressionTypes(session: Session, statement: string, params?: SqlParams): Promise<string[]> {
  try {
    const { columns } = await session.query(statement, usedParams(statement, params));
    return columns.map(({ type }) => type);
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== 'SQL') throw error;
    throw new LakeError('USAGE', error.message, { exitCode: 2, cause: error });
  }
}

/** Throws a usage error (exit 2) for an expression that is neither true nor false. `what` names it. */
export function assertBoolean({ tree }: SqlExpression, type: string, what: string): void {
  const isNull = tree.class === 'CONSTANT' && (tree['value'] as { is_null?: boolean } | undefined)?.is_null === true;
  if (type !== 'BOOLEAN' && !isNull) throw usageError(`${what} is no condition: it is of type ${type}`);
}

/** The parameters that a statement has; DuckDB refuses others. */
export function usedParams(sql: string, params: SqlParams = {}): SqlParams {
  const names = new Set(Array.from(sql.matchAll(PARAMETER), (match) => match.groups?.['name']));
  return Object.fromEntries(Object.entries(params).filter(([name]) => names.has(name)));
}

/** All terms that hold together: the operands of a top-level AND. */
export function conjuncts(node: SqlNode): readonly SqlNode[] {
  if (node.type !== 'CONJUNCTION_AND') return [node];
  return (node.children ?? []).flatMap(conjuncts);
}

/** Every node of a tree. */
export function* nodesOf(value: unknown): Generator<SqlNode> {
  if (Array.isArray(value)) for (const item of value) yield* nodesOf(item);
  else if (typeof value === 'object' && value !== null) {
    const node = value as SqlNode;
    if (typeof node.class === 'string') yield node;
    for (const child of Object.values(node)) yield* nodesOf(child);
  }
}
