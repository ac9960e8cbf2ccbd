import { usageError } from '../base/lake-error.js';
import type { HistoryDeps, SchemaVersion } from '../ingest/schema/index.js';
import type { Lake } from '../lake.js';
import type { Invocation } from './invocation.js';
import { withLake } from './with-lake.js';

export const DATASET_ARGUMENT = { describe: 'A bronze table, for example bronze.orders', required: true } as const;

/** A schema version as an argument; undefined when it is left out. */
export function parseSchemaVersion(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const version = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(version) && version > 0) return version;
  throw usageError(`"${text}" is not a schema version`, { hint: 'schema versions are 1, 2, 3 …; see "schema list"' });
}

/** What the schema history is read with. */
export async function historyDeps(lake: Lake): Promise<HistoryDeps> {
  return { session: await lake.session(), catalog: lake.catalog };
}

/** The versions of a dataset of the invocation's lake. */
export function readVersions(invocation: Invocation, dataset: string): Promise<readonly SchemaVersion[]> {
  return withLake(invocation, async (lake) => {
    const { schemaVersions } = await import('../ingest/schema/index.js');
    return schemaVersions(await historyDeps(lake), dataset);
  });
}

/** Facts about a version, as JSON has them. */
export function versionFacts(version: SchemaVersion) {
  return {
    dataset: version.dataset,
    version: version.version,
    status: version.status,
    fingerprint: version.fingerprint,
    first_file: version.firstFile,
    last_file: version.lastFile,
    first_business_date: version.firstBusinessDate,
    last_business_date: version.lastBusinessDate,
    first_seen_at: version.firstSeenAt,
    last_seen_at: version.lastSeenAt,
    accepted_at: version.acceptedAt,
    accepted_by: version.acceptedBy,
    reason: version.reason,
    run_id: version.runId,
  };
}
