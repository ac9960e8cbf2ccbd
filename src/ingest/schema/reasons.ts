import { fillSql, joinFragments, readSqlFile, type SqlFragment, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import { textFits } from './text-fits.js';

/** What to say about each column of sql/ingest/schema_reasons.sql; the first that has an example is said. */
const REASONS: readonly (readonly [name: string, says: string])[] = [
  ['leading_zero', 'has a leading zero'],
  ['comma', 'has a decimal comma or commas between thousands'],
  ['thousands', 'has points between thousands'],
  ['plus', 'has a plus sign'],
  ['blank', 'has blanks around it'],
  ['digits', 'has more digits than a number keeps'],
  ['exponent', 'may be a code as well as a number'],
  ['no_date', 'is not a valid date or time'],
  ['no_number', 'is not a number'],
];

/** Rows that are looked through for a reason: enough to show one, and no second scan of a large file. */
const LOOKED_THROUGH = 100_000;

/** Why a column whose values mostly look like numbers or times is text; undefined when there is nothing to tell. */
export async function keptAsText(session: Session, values: readonly SqlFragment[]): Promise<string | undefined> {
  const value = trustedFragment('v');
  const fits = (type: string) => textFits(value, type, 'strict');
  const sql = fillSql(readSqlFile('ingest', 'schema_reasons'), {
    exact: textFits(value, 'DOUBLE', 'json'),
    date: fits('DATE'),
    timestamp: fits('TIMESTAMP'),
    timestamptz: fits('TIMESTAMP WITH TIME ZONE'),
    numeric_look: trustedFragment(fillSql(readSqlFile('ingest', 'schema_numeric_look'), { value }).trim()),
    values: joinFragments(values, ' UNION ALL '),
  });
  const [row = {}] = await session.rows(sql, { rows: LOOKED_THROUGH });
  const found = REASONS.find(([name]) => typeof row[name] === 'string');
  return found === undefined ? undefined : `kept as text: ${shown(String(row[found[0]]))} ${found[1]}`;
}

/** A value in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
