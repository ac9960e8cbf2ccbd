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

/** What in an expression may mean something else in Spark than in DuckDB; undefined when nothing does. `nodes` is its syntax tree. */
export function unsharedPart(
  nodes: Iterable<{ readonly class?: string; readonly [key: string]: unknown }>,
): string | undefined {
  for (const node of nodes) {
    const name = String(node['function_name'] ?? '').toLowerCase();
    if (node.class === 'FUNCTION' && !SHARED_FUNCTIONS.has(name)) return `the function ${name}`;
    if (!SHARED_CLASSES.has(node.class ?? '')) return `an expression of kind ${String(node.class).toLowerCase()}`;
  }
  return undefined;
}
