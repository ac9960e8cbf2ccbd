import { targetOf } from '../ingest/config/table-schema.js';
import type { CorrectionPolicy, RetryPolicy } from '../ingest/model.js';
import type { Invocation } from './invocation.js';

/** What a command that only looks needs to know of a source. */
interface ConfiguredSource {
  readonly name: string;
  readonly target: string;
  readonly correction: CorrectionPolicy;
  readonly retry: RetryPolicy;
}

/** Tries of the same bytes unless the source says otherwise. */
const DEFAULT_ATTEMPTS = 3;

/**
 * The sources of the configuration file, for commands that only look: paths, transforms and secrets are not resolved, so that
 * what is wrong with those keeps nobody from reading the ledger.
 */
export function configuredSources({ config }: Pick<Invocation, 'config'>): readonly ConfiguredSource[] {
  return Object.entries(config?.values.sources ?? {}).map(([name, { on_correction, retry, ...written }]) => ({
    name,
    target: targetOf(name, written),
    correction: on_correction ?? 'replace',
    retry: { maxAttempts: retry?.attempts ?? DEFAULT_ATTEMPTS, baseDelayMs: 0, maxDelayMs: 0 },
  }));
}
