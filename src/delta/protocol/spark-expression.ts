/** Expressions that tables carry (constraints, generated columns) are Spark SQL; this is the part that DuckDB says the same way. */

const TOKEN = /`((?:[^`]|``)*)`|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.|'')*)'|<=>|==|[\s\S]/g;

/**
 * The text of a Spark SQL expression for DuckDB's parser: names in backticks get double quotes, strings in double quotes single ones.
 * Undefined when a string has backslashes, which the two read differently.
 */
export function sparkToDuckdb(text: string): string | undefined {
  let converted = '';
  for (const [token, name, doubled, single] of text.matchAll(TOKEN)) {
    const string = doubled ?? single;
    if (string?.includes('\\')) return undefined;
    if (name !== undefined) converted += `"${name.replaceAll('``', '`').replaceAll('"', '""')}"`;
    else if (doubled !== undefined) converted += `'${doubled.replaceAll("'", "''")}'`;
    else if (token === '<=>') converted += ' IS NOT DISTINCT FROM ';
    else converted += token === '==' ? '=' : token;
  }
  return converted;
}

/** Functions that mean the same in Spark and DuckDB, by DuckDB's names; operators are functions too. */
const SHARED_FUNCTIONS: ReadonlySet<string> = new Set([
  ...['+', '-', '*', '/', '%', '||', '~~', '!~~'],
  ...['abs', 'ceil', 'ceiling', 'floor', 'least', 'greatest', 'coalesce', 'ifnull', 'nullif'],
  ...['length', 'char_length', 'character_length', 'upper', 'lower', 'ucase', 'lcase', 'trim', 'ltrim', 'rtrim'],
  ...['year', 'quarter', 'month', 'day', 'hour', 'minute', 'date'],
]);

/** Spark trims from the second argument what the first one says, DuckDB the other way round. */
const ONE_ARGUMENT: ReadonlySet<string> = new Set(['trim', 'ltrim', 'rtrim']);

const SHARED_CLASSES: ReadonlySet<string> = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'OPERATOR',
]);

/** Items of arrays are not among them: Spark counts from 0, DuckDB from 1. */
const SHARED_OPERATORS: ReadonlySet<string> = new Set([
  'OPERATOR_NOT',
  'OPERATOR_IS_NULL',
  'OPERATOR_IS_NOT_NULL',
  'OPERATOR_COALESCE',
  'COMPARE_IN',
  'COMPARE_NOT_IN',
]);

/** Casts to whole numbers and decimals are not among them: Spark cuts fractions off, DuckDB rounds. Nor are those to text. */
const SHARED_CASTS: ReadonlySet<string> = new Set([
  'BOOLEAN',
  'DATE',
  'DOUBLE',
  'FLOAT',
  'TIMESTAMP',
  'TIMESTAMP WITH TIME ZONE',
]);

/** What in an expression may mean something else in Spark than in DuckDB; undefined when nothing does. `nodes` is its syntax tree. */
export function unsharedPart(
  nodes: Iterable<{ readonly class?: string; readonly [key: string]: unknown }>,
): string | undefined {
  for (const node of nodes) {
    const { type, cast_type: cast, children } = node;
    const castTo = String((cast as { readonly id?: string } | undefined)?.id);
    if (node.class === 'CAST' && !SHARED_CASTS.has(castTo)) return `a cast to ${castTo}`;
    if (node.class === 'OPERATOR' && !SHARED_OPERATORS.has(String(type))) return `the operator ${String(type)}`;
    const name = String(node['function_name'] ?? '').toLowerCase();
    if (node.class === 'FUNCTION' && !SHARED_FUNCTIONS.has(name)) return `the function ${name}`;
    const count = Array.isArray(children) ? children.length : 0;
    if (ONE_ARGUMENT.has(name) && count !== 1) return `the function ${name} with ${count} arguments`;
    if (!SHARED_CLASSES.has(node.class ?? '')) return `an expression of kind ${String(node.class).toLowerCase()}`;
  }
  return undefined;
}
