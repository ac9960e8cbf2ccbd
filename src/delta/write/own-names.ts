import { LakeError } from '../../base/lake-error.js';
import { FILE_INDEX, FILE_ROW } from '../log/scan.js';

/** Columns that stand beside those of the table while its rows are changed. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  FILE_INDEX,
  FILE_ROW,
  '_change',
  '_merge_clause',
  '_source_row',
  '_target_row',
]);

/** Throws `DELTA_UNSUPPORTED` for a column that is called like one of those that row changes need for themselves. */
export function assertOwnNamesFree(columns: readonly string[], place: string): void {
  const taken = columns.find((name) => OWN_NAMES.has(name.toLowerCase()));
  if (taken === undefined) return;
  throw new LakeError('DELTA_UNSUPPORTED', `the column name "${taken}" is used by lakeledger itself to change rows`, {
    place,
    hint: 'rename the column; tables that have it can be read, appended to and overwritten as a whole',
  });
}
