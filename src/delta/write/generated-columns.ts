import { fillSql, identifier, readSqlFile } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { Snapshot } from '../log/snapshot.js';
import { generatedValue, generationText } from './constraints.js';

/**
 * Computes the generated columns of the new rows in the table of row changes, but for those that the caller has given values: a new
 * value of a column must show in the columns generated from it (PROTOCOL.md, "Generated Columns").
 */
export async function generateColumns(
  session: Session,
  snapshot: Snapshot,
  isGiven: (column: string) => boolean,
): Promise<void> {
  for (const field of snapshot.schema.fields) {
    const text = generationText(field);
    if (text === undefined || isGiven(field.name)) continue;
    const value = await generatedValue(session, field, text);
    const parts = { column: identifier(field.name), value };
    await session.run(fillSql(readSqlFile('delta', 'row_changes_generate'), parts));
  }
}
