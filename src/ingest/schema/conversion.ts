import { fillSql, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { FileColumn } from '../../sources/formats/model.js';
import { type Reading, textFits } from './text-fits.js';
import { deltaType } from './typed-columns.js';

/** A column of a file as a column of the table. */
export interface Conversion {
  /** The value; NULL when it does not fit. */
  readonly value: SqlFragment;
  /** The value as text, NULL when the file has none: what is rescued when `value` is NULL. */
  readonly text: SqlFragment;
  /** No value can fail. */
  readonly safe: boolean;
}

const NUMBERS = /^(?:U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\s*\d+\)|BIGNUM)$/;
const WALL_CLOCK = /^(?:DATE|TIMESTAMP|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS)$/;
const INSTANT = /^TIMESTAMP(?: WITH TIME ZONE|_NS WITH TIME ZONE|TZ)$/;
const FAMILIES = [NUMBERS, WALL_CLOCK, INSTANT];

function isNested(type: string): boolean {
  return /[[(]/.test(type) && !/^(?:DECIMAL|ENUM)\([^[]*\)$/.test(type);
}

/** The text of a typed value; of a nested one its JSON. */
function asText(raw: SqlFragment, type: string): SqlFragment {
  return trustedFragment(isNested(type) ? `CAST(to_json(${raw}) AS VARCHAR)` : `CAST(${raw} AS VARCHAR)`);
}

function convertTyped(raw: SqlFragment, source: string, type: string): Conversion {
  const text = asText(raw, source);
  if (source === type) return { value: raw, text, safe: true };
  if (type === 'VARCHAR') return { value: text, text, safe: true };
  if (deltaType(source) === type) return { value: trustedFragment(`CAST(${raw} AS ${type})`), text, safe: true };
  if (!FAMILIES.some((family) => family.test(source) && family.test(type))) {
    // A list or struct of other parts: the whole of it is kept as JSON.
    return { value: trustedFragment(`CAST(NULL AS ${type})`), text, safe: false };
  }
  const parts = { value: raw, type: trustedFragment(type), source: trustedFragment(source) };
  const same = fillSql(readSqlFile('ingest', 'schema_same_value'), parts).trim();
  return { value: trustedFragment(`CASE WHEN ${same} THEN CAST(${raw} AS ${type}) END`), text, safe: false };
}

/** Text of no length is no value, unless the column is one of text. */
function textOrNull(raw: SqlFragment): SqlFragment {
  return trustedFragment(`nullif(${raw}, '')`);
}

function convertText(raw: SqlFragment, type: string, how: { reading: Reading; proven: boolean }): Conversion {
  if (type === 'VARCHAR') return { value: raw, text: raw, safe: true };
  const text = textOrNull(raw);
  // A list, map or struct that was declared is read from JSON.
  const cast = isNested(type) ? `TRY_CAST(TRY_CAST(${text} AS JSON) AS ${type})` : `TRY_CAST(${text} AS ${type})`;
  if (how.proven) return { value: trustedFragment(cast), text, safe: true };
  if (isNested(type)) {
    const value = how.reading === 'declared' ? cast : `CAST(NULL AS ${type})`;
    return { value: trustedFragment(value), text, safe: false };
  }
  const fits = textFits(text, type, how.reading);
  return { value: trustedFragment(`CASE WHEN ${fits} THEN ${cast} END`), text, safe: false };
}

/** How the column `raw` of a staged group becomes `type`. `proven` says that every value was seen to fit. */
export function convert(
  raw: SqlFragment,
  column: FileColumn,
  to: { readonly type: string; readonly declared: boolean; readonly proven: boolean },
): Conversion {
  if (column.type !== 'TEXT' && column.type !== 'VARCHAR') return convertTyped(raw, column.type, to.type);
  const strict: Reading = column.kind === 'number' ? 'json' : 'strict';
  return convertText(raw, to.type, { reading: to.declared ? 'declared' : strict, proven: to.proven });
}

/** The value of a column that the dataset does not have as text; NULL when the file has none. */
export function sourceText(raw: SqlFragment, { type }: FileColumn): SqlFragment {
  return type === 'TEXT' ? textOrNull(raw) : asText(raw, type);
}
