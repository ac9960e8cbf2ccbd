import { dirname } from 'node:path';
import type { DateSettings } from '../ingest/config/dates-schema.js';
import type { RunManifestProblem } from '../ledger/runs/run-manifest.js';
import type { Invocation } from './invocation.js';
import type { Log } from './log.js';

/** What the configuration file says about business dates; the defaults without one. */
export async function dateSettings({ config, io }: Pick<Invocation, 'config' | 'io'>): Promise<DateSettings> {
  const { resolveDates } = await import('../ingest/config/dates-schema.js');
  return resolveDates(config?.values ?? {}, { folder: config === undefined ? io.cwd : dirname(config.file) });
}

/** Run manifests that are named one by one. */
const NAMED = 5;

/** Says which run manifests cannot be used: their dates count as not succeeded. */
export function warnUnreadable(log: Pick<Log, 'warn'>, problems: readonly RunManifestProblem[]): void {
  for (const { place, problem } of problems.slice(0, NAMED)) log.warn(`${place} cannot be used: ${problem}`);
  if (problems.length > NAMED) log.warn(`${problems.length - NAMED} more run manifests cannot be used`);
}
