import { fillSql, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';

/** Types that a column of text may turn out to have, the narrower first. */
export const TEXT_TYPES = ['BIGINT', 'DOUBLE', 'BOOLEAN', 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'] as const;
export type TextType = (typeof TEXT_TYPES)[number];

/** How strictly text is read: as what it looks like, as JSON wrote it (a number is one), or as a person said. */
export type Reading = 'strict' | 'json' | 'declared';

const WHOLE = new Set(['BIGINT', 'INTEGER', 'SMALLINT', 'TINYINT']);
const NEVER = trustedFragment('false');

function filled(text: string, parts: Readonly<Record<string, SqlFragment>>): SqlFragment {
  return trustedFragment(`(${fillSql(text, parts).trim()})`);
}

/** Digits after the point of a DECIMAL; undefined for another type. */
function decimalScale(type: string): SqlFragment | undefined {
  const scale = /^DECIMAL\(\d+,\s*(\d+)\)$/.exec(type)?.[1];
  return scale === undefined ? undefined : trustedFragment(scale);
}

function fitsDeclared(type: string, parts: { value: SqlFragment; type: SqlFragment }): SqlFragment {
  const scale = decimalScale(type);
  if (WHOLE.has(type)) return filled(readSqlFile('ingest', 'schema_declared_whole'), parts);
  if (scale !== undefined) return filled(readSqlFile('ingest', 'schema_declared_decimal'), { ...parts, scale });
  if (type === 'DATE') return filled(readSqlFile('ingest', 'schema_declared_date'), parts);
  if (type.startsWith('TIMESTAMP')) return filled(readSqlFile('ingest', 'schema_declared_timestamp'), parts);
  return filled(readSqlFile('ingest', 'schema_declared_other'), parts);
}

function fitsByType(type: string, parts: { value: SqlFragment; type: SqlFragment }, json: boolean): SqlFragment {
  const scale = decimalScale(type);
  if (WHOLE.has(type)) return filled(readSqlFile('ingest', 'schema_fits_whole'), parts);
  if (scale !== undefined) return filled(readSqlFile('ingest', 'schema_fits_decimal'), { ...parts, scale });
  switch (type) {
    case 'DOUBLE': {
      const exact = filled(readSqlFile('ingest', 'schema_exact_double'), parts);
      return json ? exact : filled(readSqlFile('ingest', 'schema_fits_double'), { ...parts, exact });
    }
    case 'FLOAT':
      return filled(readSqlFile('ingest', 'schema_fits_float'), parts);
    case 'BOOLEAN':
      return filled(readSqlFile('ingest', 'schema_fits_boolean'), parts);
    case 'DATE':
      return filled(readSqlFile('ingest', 'schema_fits_date'), parts);
    case 'TIMESTAMP':
      return filled(readSqlFile('ingest', 'schema_fits_timestamp'), parts);
    case 'TIMESTAMP WITH TIME ZONE':
      return filled(readSqlFile('ingest', 'schema_fits_timestamptz'), parts);
    default:
      return NEVER;
  }
}

/**
 * A condition that holds for a text that is a value of `type` and keeps all of its meaning as such a value. With `declared`, other
 * ways to write it are taken too (`05`, ` 5`, `2020/1/5`), because a person has said what it is.
 */
export function textFits(value: SqlFragment, type: string, reading: Reading): SqlFragment {
  const parts = { value, type: trustedFragment(type) };
  return reading === 'declared' ? fitsDeclared(type, parts) : fitsByType(type, parts, reading === 'json');
}
