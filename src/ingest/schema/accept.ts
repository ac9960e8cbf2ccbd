import type { Clock } from '../../base/clock.js';
import { usageError } from '../../base/lake-error.js';
import { type HistoryDeps, readSchemaHistory, type SchemaVersion, writeVersions } from './history.js';

export interface AcceptRequest {
  readonly dataset: string;
  /** Default: the newest of those that wait. */
  readonly version?: number;
  readonly reason: string;
  readonly actor: string;
}

/** The versions of a dataset. Throws a usage error that names the datasets there are when it has none. */
export async function schemaVersions(deps: HistoryDeps, dataset: string): Promise<readonly SchemaVersion[]> {
  const all = await readSchemaHistory(deps);
  const own = all.filter((version) => version.dataset === dataset);
  if (own.length > 0) return own;
  const names = [...new Set(all.map((version) => version.dataset))];
  throw usageError(`there is no schema history of "${dataset}"`, {
    hint: names.length === 0 ? 'ingest files first' : `there is one of ${names.join(', ')}`,
  });
}

/** One version of a dataset; throws a usage error when it is not there. */
export function schemaVersion(versions: readonly SchemaVersion[], wanted: number): SchemaVersion {
  const found = versions.find(({ version }) => version === wanted);
  if (found !== undefined) return found;
  const numbers = versions.map(({ version }) => version).join(', ');
  throw usageError(`${versions[0]?.dataset} has no schema version ${wanted}`, { hint: `it has ${numbers}` });
}

/** Accepts a layout that a contract stopped: from now on files that come with it are taken. Throws a usage error when none waits. */
export async function acceptSchema(
  deps: HistoryDeps & { readonly clock: Clock },
  request: AcceptRequest,
): Promise<SchemaVersion> {
  const versions = await schemaVersions(deps, request.dataset);
  const waiting = versions.filter(({ status }) => status === 'pending');
  const chosen = request.version === undefined ? waiting.at(-1) : schemaVersion(versions, request.version);
  if (chosen?.status !== 'pending') {
    const what = waiting.length === 0 ? 'no version' : `version ${chosen?.version} is accepted already, another one`;
    throw usageError(`${request.dataset}: ${what} waits to be accepted`, { hint: 'see "schema list"' });
  }
  const acceptedAt = new Date(deps.clock.now()).toISOString();
  const accepted: SchemaVersion = {
    ...chosen,
    status: 'accepted',
    acceptedAt,
    acceptedBy: request.actor,
    reason: request.reason,
  };
  await writeVersions(deps, [accepted]);
  return accepted;
}
