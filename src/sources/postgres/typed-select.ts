import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { canMisfit, type SourceColumn } from './column-types.js';

type Parts = Readonly<Record<string, SqlFragment>>;

const sql = (text: string, parts: Parts) => trustedFragment(fillSql(text, parts).trim());
const at = (letter: string, i: number) => identifier(`${letter}${i}`);
const as = (value: SqlFragment, name: SqlFragment) => trustedFragment(`${value} AS ${name}`);

/** What COPY wrote as PostgreSQL writes the value. Numbers, times and the like have nothing in them that COPY would change. */
function textOf({ kind }: SourceColumn, raw: SqlFragment): SqlFragment {
  if (kind === 'text' || kind === 'json') return sql(readSqlFile('sources', 'extract_text'), { raw });
  return kind === 'bytes' ? sql(readSqlFile('sources', 'extract_bytes_text'), { raw }) : raw;
}

/** A SELECT of `t0`, `t1` …: the texts of the values of the columns, as PostgreSQL writes them, from the file `$file`. */
export function textsSelect(columns: readonly SourceColumn[]): SqlFragment {
  const mark = at('m', 0);
  const types = [mark, ...columns.map((_, i) => at('c', i))].map((name) => trustedFragment(`${name}: 'VARCHAR'`));
  const texts = columns.map((column, i) => as(textOf(column, at('c', i)), at('t', i)));
  return sql(readSqlFile('sources', 'extract_rows'), {
    types: joinFragments(types, ', '),
    texts: joinFragments([mark, ...texts], ', '),
  });
}

function fits({ kind, type }: SourceColumn, i: number): SqlFragment {
  const parts = { text: at('t', i), type: trustedFragment(type) };
  if (kind === 'decimal') {
    const isFraction = /^DECIMAL\((\d+),\1\)$/.test(type);
    return sql(readSqlFile('sources', isFraction ? 'extract_fits_fraction' : 'extract_fits_decimal'), parts);
  }
  return sql(readSqlFile('sources', kind === 'date' ? 'extract_fits_date' : 'extract_fits_timestamp'), parts);
}

function typedValue(column: SourceColumn, i: number): SqlFragment {
  const text = at('t', i);
  const parts = { text, type: trustedFragment(column.type) };
  switch (column.kind) {
    case 'boolean':
      return sql(readSqlFile('sources', 'extract_boolean'), parts);
    case 'bytes':
      return sql(readSqlFile('sources', 'extract_bytes'), parts);
    case 'number':
      return sql(readSqlFile('sources', 'extract_cast'), parts);
    case 'text':
    case 'json':
    case 'numeric':
      return text;
    default:
      return sql(readSqlFile('sources', 'extract_cast_strict'), { ...parts, fits: fits(column, i) });
  }
}

/** The values of a file, each with a comma after it. The statement fails when one does not fit its column, but for the columns in `asText`. */
export function valuesList(columns: readonly SourceColumn[], asText: ReadonlySet<number>): SqlFragment {
  const values = columns.map((column, i) => {
    const value = asText.has(i) ? at('t', i) : typedValue(column, i);
    return trustedFragment(`${as(value, identifier(column.name))},\n    `);
  });
  return joinFragments(values, '');
}

/** A SELECT of `f<number>` for each column that can have a value that does not fit: whether all do. Undefined when none can. */
export function misfitsSelect(columns: readonly SourceColumn[]): SqlFragment | undefined {
  const checks = columns.flatMap((column, i) => {
    if (!canMisfit(column.kind)) return [];
    const all = sql(readSqlFile('sources', 'extract_all_fit'), { text: at('t', i), fits: fits(column, i) });
    return [as(all, at('f', i))];
  });
  if (checks.length === 0) return undefined;
  const rows = textsSelect(columns);
  return sql(readSqlFile('sources', 'extract_misfits'), { checks: joinFragments(checks, ', '), rows });
}

/** The hash of a row of texts, and the values of its parameters. */
export function rowHash(columns: readonly SourceColumn[]): {
  hash: SqlFragment;
  params: Readonly<Record<string, string>>;
} {
  const sorted = columns.map((column, i) => ({ column, i })).sort((a, b) => (a.column.name < b.column.name ? -1 : 1));
  const parts = sorted.map(({ column: { kind }, i }) => {
    const raw = at('t', i);
    const isNumeric = kind === 'decimal' || kind === 'numeric';
    const text = isNumeric ? sql(readSqlFile('sources', 'extract_hash_number'), { text: raw }) : raw;
    const name = trustedFragment(`n${i}`);
    return sql(readSqlFile('sources', 'extract_hash_part'), { name, text });
  });
  const none = trustedFragment("''");
  const list = parts.length === 0 ? none : joinFragments(parts, ', ');
  return {
    hash: sql(readSqlFile('sources', 'extract_hash'), { parts: list }),
    params: Object.fromEntries(columns.map(({ name }, i) => [`n${i}`, JSON.stringify(name)])),
  };
}
