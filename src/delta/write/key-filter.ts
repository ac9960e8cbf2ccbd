import { fillSql, identifier, readSqlFile, type SqlFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import type { Literal } from '../protocol/literal.js';
import { fileFilter, type Predicate, UNKNOWN } from '../protocol/predicate.js';
import { type DeltaField, decimalShape, duckdbType } from '../protocol/schema.js';
import { conjuncts, type SqlNode } from './expression.js';

/** More keys than this rarely leave a file out one by one; then their range is looked at. */
const MAX_KEYS = 1000;

const LITERALS: Readonly<Record<string, Literal['type']>> = {
  string: 'string',
  byte: 'number',
  short: 'number',
  integer: 'number',
  long: 'number',
  date: 'date',
  timestamp: 'timestamp',
  timestamp_ntz: 'timestamp_ntz',
};

function literalType(field: DeltaField): Literal['type'] | undefined {
  if (field.type.kind !== 'primitive') return undefined;
  return decimalShape(field.type) === undefined ? LITERALS[field.type.name] : 'number';
}

/** Conservative: whether a file may hold a row whose `field` equals one of the values of a column of `source`. */
export async function columnFilter(
  session: Session,
  snapshot: Snapshot,
  given: { readonly field: DeltaField; readonly source: SqlFragment; readonly column: string },
): Promise<(file: AddFile) => boolean> {
  const type = literalType(given.field);
  if (type === undefined) return () => true;
  const parts = { source: given.source, key: identifier(given.column) };
  // Values of another type may be equal and yet have another text.
  const [typed] = await session.rows(fillSql(readSqlFile('delta', 'merge_key_type'), parts));
  if (typed !== undefined && typed['type'] !== duckdbType(given.field.type)) return () => true;
  const keys = await session.rows(fillSql(readSqlFile('delta', 'merge_source_keys'), parts), { limit: MAX_KEYS + 1 });
  const literal = (value: unknown): Literal => ({ type, text: String(value) });
  const column = [given.field.name];
  if (keys.length <= MAX_KEYS) {
    const values = keys.map((row) => literal(row['key']));
    return fileFilter({ op: 'in', column, values }, snapshot);
  }
  const [range] = await session.rows(fillSql(readSqlFile('delta', 'merge_key_range'), parts));
  const between: Predicate = {
    op: 'and',
    terms: [
      { op: '>=', column, value: literal(range?.['low']) },
      { op: '<=', column, value: literal(range?.['high']) },
    ],
  };
  return fileFilter(range === undefined ? UNKNOWN : between, snapshot);
}

/** The column that a reference names, if it is one of `alias`. */
function columnOf(node: unknown, alias: string): string | undefined {
  const { type, column_names: names } = node as SqlNode & { readonly column_names?: readonly string[] };
  if (type !== 'COLUMN_REF' || names?.length !== 2) return undefined;
  return names[0]?.toLowerCase() === alias.toLowerCase() ? names[1] : undefined;
}

/** Pairs of columns that a condition wants equal. */
function equalColumns(on: SqlNode, names: { readonly target: string; readonly source: string }): [string, string][] {
  return conjuncts(on).flatMap((node): [string, string][] => {
    if (node.type !== 'COMPARE_EQUAL') return [];
    for (const [a, b] of [
      [node['left'], node['right']],
      [node['right'], node['left']],
    ]) {
      const target = columnOf(a, names.target);
      const source = columnOf(b, names.source);
      if (target !== undefined && source !== undefined) return [[target, source]];
    }
    return [];
  });
}

/** Conservative: whether a file may hold a partner of a row of `_merge_source`, by the columns that the condition wants equal. */
export async function keyFilter(
  session: Session,
  merge: { readonly snapshot: Snapshot; readonly on: SqlNode; readonly target: string; readonly source: string },
): Promise<(file: AddFile) => boolean> {
  const tests: ((file: AddFile) => boolean)[] = [];
  for (const [target, column] of equalColumns(merge.on, merge)) {
    const field = merge.snapshot.schema.fields.find(({ name }) => name.toLowerCase() === target.toLowerCase());
    if (field === undefined) continue;
    tests.push(await columnFilter(session, merge.snapshot, { field, source: identifier('_merge_source'), column }));
  }
  return (file) => tests.every((test) => test(file));
}
