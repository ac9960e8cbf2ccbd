import { LakeError } from '../../base/lake-error.js';
import type { Session } from '../../duckdb/session.js';
import type { Snapshot } from './snapshot.js';

interface BoundFiles {
  readonly snapshot: Snapshot;
  /** What DuckDB was given, before the escaping of `*`, `?` and `[`. */
  readonly locations: readonly string[];
}

const MISSING = /No files found that match|[Cc]annot open file|No such file or directory/;

/** The longest of the locations that the message names. */
function findLocation(message: string, locations: readonly string[]): string | undefined {
  // DuckDB repeats a pattern as it was given.
  const plain = message.replaceAll(/\[([[*?])\]/g, '$1');
  let found: string | undefined;
  for (const location of locations) {
    if (location.length > (found?.length ?? 0) && plain.includes(location)) found = location;
  }
  return found;
}

/**
 * From now on an SQL error of the session that names one of these files becomes a `DATA_FILE_MISSING` or
 * `DATA_FILE_UNREADABLE` that names the table as well; until the next scan of the same name.
 */
export function explainScanErrors(session: Session, scan: string, { snapshot, locations }: BoundFiles): void {
  session.explainErrors(scan, (error) => {
    const location = findLocation(error.message, locations);
    if (location === undefined) return undefined;
    const place = `${location} of ${snapshot.path}@${snapshot.version}`;
    if (MISSING.test(error.message)) {
      return new LakeError('DATA_FILE_MISSING', 'a data file of the table is missing', {
        place,
        cause: error,
        hint: 'it may have been vacuumed: read a newer version, or bring the file back, or restore the table to a version that has all its files',
      });
    }
    const [reason = ''] = error.message.split('\n');
    return new LakeError('DATA_FILE_UNREADABLE', `a data file of the table cannot be read: ${reason}`, {
      place,
      cause: error,
      hint: 'the file is damaged or its columns do not fit the table; bring it back from a backup, or restore the table to a version without it',
    });
  });
}
