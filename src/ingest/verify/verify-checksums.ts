import { fillSql, readSqlFile } from '../../base/sql-file.js';
import { renderFingerprint } from '../../sources/index.js';
import type { FileEvent } from '../model.js';
import type { TargetReader } from './loaded-groups.js';
import type { TargetReading } from './target-reading.js';
import type { VerifyFinding } from './verify-finding.js';

/** What the rows of a load of a table were when they were written; undefined when nobody knows, or not all of them were taken. */
function checksumOf({ detail }: FileEvent): string | undefined {
  const { loaded_checksum: checksum } = (detail['extract'] ?? {}) as { loaded_checksum?: unknown };
  return typeof checksum === 'string' && detail['rejected'] === 0 ? checksum : undefined;
}

/** Compares the row hashes of each load of a table with the checksum that its event has of them (R24): rows that were swapped, lost or doubled are found. */
export async function verifyChecksums(
  { session, catalog }: TargetReader,
  { target, snapshot, states }: TargetReading,
): Promise<Omit<VerifyFinding, 'target'>[]> {
  if (snapshot?.schema.fields.some(({ name }) => name === '_row_hash') !== true) return [];
  const scan = await catalog.table(target).scan({ slot: 'checksums', snapshot, files: snapshot.files });
  const sums = await session.rows(fillSql(readSqlFile('ingest', 'verify_checksums'), { relation: scan }));
  const found = new Map(
    sums.map((row) => [
      `${row['sha']}\n${row['path']}`,
      renderFingerprint(String(row['hash_sum']), Number(row['rows'])),
    ]),
  );
  const findings: Omit<VerifyFinding, 'target'>[] = [];
  for (const some of states.values()) {
    for (const load of some.paths().flatMap((path) => some.loads(path))) {
      const expected = checksumOf(load);
      if (expected === undefined) continue;
      const { source, path, sha } = load;
      const actual = found.get(`${sha}\n${path}`) ?? renderFingerprint('0', 0);
      if (actual === expected) continue;
      findings.push({
        kind: 'rows_changed',
        level: 'error',
        source,
        path,
        sha,
        expected,
        found: actual,
        message: `its rows are not those that run ${load.runId} read from the database`,
        hint: `lakeledger ingest ${source} --full-refresh --rerun reads the table again`,
        repaired: false,
      });
    }
  }
  return findings;
}
