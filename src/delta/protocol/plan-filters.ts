import type { Literal } from './literal.js';
import {
  type Cursor,
  isWholeFilter,
  type RawLiteral,
  readLiteral,
  skipBalanced,
  take,
  takePattern,
} from './plan-text.js';
import { type ColumnPath, type Comparison, negate, type Predicate, UNKNOWN } from './predicate.js';
import { type DeltaType, decimalShape, type PrimitiveType } from './schema.js';

export interface PlanColumn {
  readonly name: string;
  readonly type: DeltaType;
}

/** A column or struct field as DuckDB prints it: unquoted, fields after a dot. */
interface PrintedColumn {
  readonly text: string;
  readonly path: ColumnPath;
  readonly type: DeltaType;
}

/** One filter text being read. */
interface Reader extends Cursor {
  readonly columns: readonly PrintedColumn[];
}

/** A column, or a cast of one to the DuckDB type `cast`. */
interface Operand {
  readonly path: ColumnPath;
  readonly type: DeltaType;
  readonly cast: string | undefined;
}

const COMPARISON = /(?:>=|<=|!=|=|>|<)/y;
const SPACED_COMPARISON = / (>=|<=|!=|=|>|<) /y;
const FUNCTION = /"?[a-z_][a-z_0-9]*"?(?=\()/y;
const CAST_TYPE = /[A-Z_]+(?: WITH TIME ZONE)?(?:\(\d+,\d+\))?(?=\))/y;
const FIELD = /, '((?:[^']|'')*)'\)/y;
const PLAIN_NAME = /^[\p{L}_][\p{L}\p{N}_$.-]*(?: [\p{L}\p{N}_][\p{L}\p{N}_$.-]*)*$/u;
const RESERVED =
  /(?:^| )(?:AND|OR|NOT|IN|IS|NULL|CAST|CASE|WHEN|THEN|ELSE|END|DISTINCT|FROM|AS|true|false|optional)(?= |$)/;
const WHOLE: ReadonlySet<string> = new Set(['long', 'integer', 'short', 'byte']);
const WHOLE_CASTS: ReadonlySet<string> = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT']);

/**
 * The condition that DuckDB prints under "Filters" of a scan in `EXPLAIN (FORMAT json)`. All `filters` hold together. What is not
 * understood fully and surely becomes `unknown`, so the result is true for at least the rows for which the filters are.
 *
 * The text is not meant to be read back: names are unquoted, nested AND and OR come without parentheses, line breaks in
 * constants split a filter in two. So names that could be mistaken for something else make their filters unknown.
 */
export function parsePlanFilters(filters: readonly string[], columns: readonly PlanColumn[]): Predicate {
  const printed = columns.flatMap(({ name, type }) => printedColumns([name], type));
  const texts = printed.map(({ text }) => text);
  const safe = filters.every(isWholeFilter) && !texts.some((text) => /['\n\0]/.test(text));
  if (!safe) return UNKNOWN;
  const odd = texts.filter((text, i) => !PLAIN_NAME.test(text) || RESERVED.test(text) || texts.indexOf(text) !== i);
  const known = printed.filter(({ text }) => !odd.includes(text)).sort((a, b) => b.text.length - a.text.length);
  const terms = filters.map((text) =>
    odd.some((name) => text.includes(name)) ? UNKNOWN : readFilter({ text, at: 0, columns: known }),
  );
  return { op: 'and', terms };
}

function printedColumns(path: ColumnPath, type: DeltaType): PrintedColumn[] {
  const nested = type.kind === 'struct' ? type.fields : [];
  return [
    { text: path.join('.'), path, type },
    ...nested.flatMap((field) => printedColumns([...path, field.name], field.type)),
  ];
}

/**
 * Terms joined by AND and OR. DuckDB prints nested ones without parentheses; whatever the nesting was, reading AND as the
 * stronger one gives a condition that is true for at least the same rows.
 */
function readFilter(reader: Reader): Predicate {
  const groups: Predicate[][] = [[]];
  for (;;) {
    const start = reader.at;
    const term = readTerm(reader);
    const end = reader.at === reader.text.length;
    const joined = end || reader.text.startsWith(' AND ', reader.at) || reader.text.startsWith(' OR ', reader.at);
    if (term === undefined || !joined) {
      if (reader.text.includes(' OR ', start)) return UNKNOWN;
      groups.at(-1)?.push(UNKNOWN);
      break;
    }
    groups.at(-1)?.push(term);
    if (end) break;
    if (!take(reader, ' AND ') && take(reader, ' OR ')) groups.push([]);
  }
  return { op: 'or', terms: groups.map((terms) => ({ op: 'and', terms })) };
}

function readTerm(reader: Reader): Predicate | undefined {
  take(reader, 'optional: ');
  const start = reader.at;
  const term = reader.text.startsWith('(', start) ? readParentheses(reader) : readTableFilter(reader);
  if (term !== undefined) return term;
  reader.at = start;
  takePattern(reader, FUNCTION);
  return skipBalanced(reader) ? UNKNOWN : undefined;
}

/** `a>=5`, `a IN (1, 2)`, `a IS NULL`, or `a` alone. */
function readTableFilter(reader: Reader): Predicate | undefined {
  const column = readColumn(reader);
  if (column === undefined) return undefined;
  const op = takePattern(reader, COMPARISON)?.[0] as Comparison | undefined;
  if (op !== undefined) {
    const literal = readLiteral(reader);
    return literal && comparison(column, op, literal);
  }
  return readPostfix(reader, column) ?? booleanColumn(column);
}

function readParentheses(reader: Reader): Predicate | undefined {
  if (!take(reader, '(')) return undefined;
  const inner = take(reader, 'NOT ') ? readNegated(reader) : readInner(reader);
  return inner !== undefined && take(reader, ')') ? inner : undefined;
}

function readNegated(reader: Reader): Predicate | undefined {
  const element = readElement(reader);
  return element && negate(element);
}

/** What stands between parentheses: a comparison, or elements joined by AND or by OR, never by both. */
function readInner(reader: Reader): Predicate | undefined {
  const start = reader.at;
  const operand = readOperand(reader);
  const single = operand && readExpression(reader, operand);
  if (single !== undefined) return single;
  reader.at = start;
  const first = readElement(reader);
  if (first === undefined) return undefined;
  const op = reader.text.startsWith(' AND ', reader.at) ? 'and' : 'or';
  const terms = [first];
  while (take(reader, op === 'and' ? ' AND ' : ' OR ')) {
    const term = readElement(reader);
    if (term === undefined) return undefined;
    terms.push(term);
  }
  return { op, terms };
}

/** A part of AND, OR or NOT: in parentheses, a boolean column, a function call, NULL. */
function readElement(reader: Reader): Predicate | undefined {
  const start = reader.at;
  if (take(reader, 'NULL')) return UNKNOWN;
  const column = readColumn(reader);
  if (column !== undefined) return booleanColumn(column);
  const nested = readParentheses(reader);
  if (nested !== undefined) return nested;
  reader.at = start;
  takePattern(reader, FUNCTION);
  return skipBalanced(reader) ? UNKNOWN : undefined;
}

function readExpression(reader: Reader, operand: Operand): Predicate | undefined {
  const op = takePattern(reader, SPACED_COMPARISON)?.[1] as Comparison | undefined;
  if (op !== undefined) {
    const literal = readLiteral(reader);
    return literal && comparison(operand, op, literal);
  }
  return readPostfix(reader, operand);
}

function readPostfix(reader: Reader, operand: Operand): Predicate | undefined {
  const { path: column } = operand;
  if (take(reader, ' IS NULL')) return { op: 'isNull', column };
  if (take(reader, ' IS NOT NULL')) return { op: 'isNotNull', column };
  if (take(reader, ' IS NOT DISTINCT FROM ')) return readDistinct(reader, operand);
  if (take(reader, ' IS DISTINCT FROM ')) {
    const same = readDistinct(reader, operand);
    return same && negate(same);
  }
  if (take(reader, ' NOT IN (')) {
    const list = readList(reader, operand);
    return list && negate(list);
  }
  return take(reader, ' IN (') ? readList(reader, operand) : undefined;
}

/** True or false, never NULL; so its negation must hold for NULLs. */
function readDistinct(reader: Reader, operand: Operand): Predicate | undefined {
  const literal = readLiteral(reader);
  if (literal === undefined) return undefined;
  if (isNull(literal)) return { op: 'isNull', column: operand.path };
  return { op: 'and', terms: [comparison(operand, '=', literal), { op: 'isNotNull', column: operand.path }] };
}

/** The values of an IN list. A NULL among them never makes it true, and makes NOT IN true for no further row. */
function readList(reader: Reader, operand: Operand): Predicate | undefined {
  const raw: RawLiteral[] = [];
  do {
    const literal = readLiteral(reader);
    if (literal === undefined) return undefined;
    raw.push(literal);
  } while (take(reader, ', '));
  if (!take(reader, ')')) return undefined;
  const values = raw.filter((literal) => !isNull(literal)).map((literal) => typedLiteral(operand, literal));
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? { op: 'in', column: operand.path, values: known } : UNKNOWN;
}

function isNull(literal: RawLiteral): boolean {
  return literal.kind === 'word' && literal.text === 'NULL';
}

function readOperand(reader: Reader): Operand | undefined {
  if (take(reader, 'CAST(')) {
    const operand = readOperand(reader);
    if (operand === undefined || operand.cast !== undefined || !take(reader, ' AS ')) return undefined;
    const cast = takePattern(reader, CAST_TYPE)?.[0];
    return cast !== undefined && take(reader, ')') ? { ...operand, cast } : undefined;
  }
  if (take(reader, 'struct_extract(')) {
    const struct = readOperand(reader);
    const name = takePattern(reader, FIELD)?.[1]?.replaceAll("''", "'");
    const field = struct?.type.kind === 'struct' ? struct.type.fields.find((f) => f.name === name) : undefined;
    return struct && field && { path: [...struct.path, field.name], type: field.type, cast: undefined };
  }
  return readColumn(reader);
}

function readColumn(reader: Reader): Operand | undefined {
  const column = reader.columns.find(({ text }) => {
    const next = reader.text.slice(reader.at + text.length, reader.at + text.length + 2);
    return reader.text.startsWith(text, reader.at) && !/^[\p{L}\p{N}_$.(]/u.test(next);
  });
  if (column === undefined) return undefined;
  reader.at += column.text.length;
  return { path: column.path, type: column.type, cast: undefined };
}

function booleanColumn({ path, type }: Operand): Predicate | undefined {
  if (type.kind !== 'primitive' || type.name !== 'boolean') return undefined;
  return { op: '=', column: path, value: { type: 'boolean', text: 'true' } };
}

function comparison(operand: Operand, op: Comparison, raw: RawLiteral): Predicate {
  const value = typedLiteral(operand, raw);
  return value === undefined ? UNKNOWN : { op, column: operand.path, value };
}

/** The constant in the type in which DuckDB compares it with the operand; undefined if that is not certain. */
function typedLiteral({ type, cast }: Operand, raw: RawLiteral): Literal | undefined {
  if (type.kind !== 'primitive') return undefined;
  const literal = cast === undefined ? literalType(type, raw) : castLiteralType(type, cast, raw);
  return literal && { type: literal, text: raw.text };
}

function literalType(type: PrimitiveType, { kind, text, cast }: RawLiteral): Literal['type'] | undefined {
  const printed = `${kind}${cast === undefined ? '' : `::${cast}`}`;
  switch (type.name) {
    case 'string':
      return printed === 'string' ? 'string' : undefined;
    case 'boolean':
      return kind === 'word' && text !== 'NULL' ? 'boolean' : undefined;
    case 'date':
      return printed === 'string::DATE' ? 'date' : undefined;
    case 'timestamp':
      return printed === 'string::TIMESTAMP WITH TIME ZONE' ? 'timestamp' : undefined;
    case 'timestamp_ntz':
      return printed === 'string::TIMESTAMP' ? 'timestamp_ntz' : undefined;
    case 'float':
      return kind === 'number' || printed === 'string::FLOAT' ? 'float' : undefined;
    case 'double':
      return kind === 'number' || printed === 'string::DOUBLE' ? 'double' : undefined;
    case 'binary':
      return undefined;
    default:
      return kind === 'number' ? 'number' : undefined;
  }
}

/** Only casts that keep the order of the values and do not round, but for those to DOUBLE, where the constant's type says so. */
function castLiteralType(
  type: PrimitiveType,
  cast: string,
  { kind, cast: printed }: RawLiteral,
): Literal['type'] | undefined {
  if (type.name === 'date') {
    return cast === 'TIMESTAMP' && kind === 'string' && printed === 'TIMESTAMP' ? 'timestamp_ntz' : undefined;
  }
  if (kind !== 'number') return undefined;
  const from = decimalShape(type);
  const whole = WHOLE.has(type.name);
  if (cast === 'DOUBLE') return whole || from !== undefined || type.name === 'float' ? 'double' : undefined;
  const scale = /^DECIMAL\(\d+,(\d+)\)$/.exec(cast)?.[1];
  if (scale !== undefined) return whole || (from !== undefined && Number(scale) >= from.scale) ? 'number' : undefined;
  return whole && WHOLE_CASTS.has(cast) ? 'number' : undefined;
}
