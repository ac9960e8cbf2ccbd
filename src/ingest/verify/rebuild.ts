import type { OnProgress } from '../../base/progress.js';
import { type LedgerWriter, type RecordContext, recordEvents } from '../events/record-events.js';
import { type Difference, planRebuild, type RebuildPlan } from './rebuild-plan.js';
import { addKeptFacts } from './rebuild-raw.js';
import { findTargets, readTarget } from './target-reading.js';

export type { Difference } from './rebuild-plan.js';

export interface RebuildRequest extends RecordContext {
  /** Targets or sources; all when empty. */
  readonly names?: readonly string[];
  /** Whose files those are of which nothing says the source. */
  readonly source?: string;
  /** Say what differs, write nothing. */
  readonly dryRun?: boolean;
  readonly onProgress?: OnProgress;
}

/** One target as it was compared; the keys are those of the command line. */
export interface RebuiltTarget {
  readonly target: string;
  /** Version that was read; null when there is no such table. */
  readonly version: number | null;
  /** Contents of paths that have rows in it. */
  readonly files: number;
  readonly rows: number;
  readonly differences: number;
  readonly recorded: number;
}

export interface RebuildResult {
  readonly run_id: string;
  readonly dry_run: boolean;
  readonly targets: readonly RebuiltTarget[];
  readonly differences: readonly Difference[];
  /** Events that were written; in a dry run, that would be. */
  readonly events: number;
}

/**
 * Compares the ledger with the rows of bronze tables and writes the events that it lacks. The rows are the truth: nothing is ever
 * done to them. What cannot be written says so in its message.
 */
export async function rebuildState(deps: LedgerWriter, request: RebuildRequest): Promise<RebuildResult> {
  const { runId, dryRun = false, source, onProgress } = request;
  const { names, ledger } = await findTargets(deps, request.names);
  const targets: RebuiltTarget[] = [];
  const plans: RebuildPlan[] = [];
  for (const [i, name] of names.entries()) {
    onProgress?.({ phase: 'check', done: i, total: names.length, unit: 'tables' });
    const reading = await readTarget(deps, name, { ledger });
    const plan = planRebuild(reading, source);
    plans.push(plan);
    targets.push({
      target: name,
      version: reading.snapshot?.version ?? null,
      files: new Set(reading.groups.map(({ path, sha }) => `${sha}\n${path}`)).size,
      rows: reading.groups.reduce((sum, { rows }) => sum + rows, 0),
      differences: plan.differences.length,
      recorded: plan.events.length,
    });
  }
  const events = plans.flatMap((plan) => plan.events);
  const written = dryRun
    ? events.length
    : await recordEvents(deps, await addKeptFacts(deps.catalog.store, events), request);
  return {
    run_id: runId,
    dry_run: dryRun,
    targets,
    differences: plans.flatMap(({ differences }) => differences),
    events: written,
  };
}
