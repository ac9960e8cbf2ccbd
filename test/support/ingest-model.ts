import type { CorrectionPolicy, Decision, FileEvent } from '../../src/ingest/model.js';
import { type DecidePolicy, decideFile, replacedShas } from '../../src/ingest/plan/decide.js';
import { FileStates } from '../../src/ingest/plan/state.js';
import { fileEvent, second } from './file-events.js';

/** How a try to load a file ends. `soon` and `late` fail transiently: the next try is due before the next delivery, or long after it. */
export type Ending = 'loaded' | 'soon' | 'late' | 'terminal' | 'held' | 'cut';
export const ENDINGS: readonly Ending[] = ['loaded', 'soon', 'late', 'terminal', 'held', 'cut'];

export interface Delivery {
  readonly path: string;
  readonly sha: string;
}

export interface Step extends Delivery {
  readonly decision: Decision;
  readonly ending: Ending | undefined;
}

/** Seconds between two deliveries. */
const APART = 100;
const MAX_ATTEMPTS = 2;

export function isLoading({ action }: Decision): boolean {
  return action === 'load' || action === 'replace' || action === 'append';
}

/** A target as plain rows by path, the events that were written, and what was done; each delivery makes a new one. */
export interface World {
  readonly correction: CorrectionPolicy;
  readonly steps: readonly Step[];
  readonly events: readonly FileEvent[];
  /** path → the shas of its rows, in order of loading. */
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

export function emptyWorld(correction: CorrectionPolicy): World {
  return { correction, steps: [], events: [], rows: new Map() };
}

/** Seconds into the day of the next delivery. */
function clock(world: World): number {
  return (world.steps.length + 1) * APART;
}

export function policyOf(world: World, more: Partial<DecidePolicy> = {}): DecidePolicy {
  return {
    correction: world.correction,
    now: Date.parse(second(clock(world))),
    retry: { maxAttempts: MAX_ATTEMPTS, baseDelayMs: 1000, maxDelayMs: 60_000 },
    ...more,
  };
}

export function decideIn(world: World, file: Delivery, more: Partial<DecidePolicy> = {}): Decision {
  return decideFile(file, new FileStates(world.events), policyOf(world, more));
}

/** A request to load a file again, as `reprocess` writes it. */
export function request(world: World, file: Delivery): World {
  const at = clock(world) - 1;
  const asked = fileEvent({ ...file, status: 'PENDING', action: 'replace', rule: 'reprocess', reprocess: true });
  return {
    ...world,
    events: [...world.events, { ...asked, seq: at, at: second(at), runId: 'asked', reason: 'asked' }],
  };
}

/** What the decision and the ending do to the target and the ledger: the part that `ingest` does for real. */
export function deliver(world: World, file: Delivery, given: { decision: Decision; ending: Ending }): World {
  const { decision } = given;
  const t = clock(world);
  const ending = isLoading(decision) ? given.ending : undefined;
  const steps = [...world.steps, { ...file, decision, ending }];
  const { action, rule, reason } = decision;
  const base = fileEvent({ ...file, action, rule, reason, seq: t, at: second(t + 1), runId: `run-${t}` });
  const write = (...events: readonly FileEvent[]): World => ({ ...world, steps, events: [...world.events, ...events] });
  if (rule === 'same_bytes_new_path') return write({ ...base, status: 'SKIPPED' });
  if (action === 'hold') return write({ ...base, status: 'QUARANTINED' });
  if (ending === undefined) return { ...world, steps };

  const attempt = Number(rule === 'retry' ? decision.evidence['attempt'] : 0) + 1;
  const tried = { ...base, attempt, batch: t };
  const begun: FileEvent = { ...tried, status: 'PROCESSING', at: second(t) };
  if (ending === 'cut') return write(begun);
  if (ending === 'held') return write(begun, { ...tried, status: 'QUARANTINED' });
  if (ending === 'terminal') return write(begun, { ...tried, status: 'FAILED', errorCode: 'SOURCE_FORMAT' });
  if (ending === 'soon' || ending === 'late') {
    const due = second(t + (ending === 'soon' ? APART / 2 : APART * 100));
    const nextRetryAt = attempt >= MAX_ATTEMPTS ? null : due;
    const failed = { ...tried, errorCode: 'STORAGE', nextRetryAt };
    if (nextRetryAt === null) return write(begun, { ...failed, status: 'FAILED', rule: 'dead_letter' });
    return write(begun, { ...failed, status: 'RETRYING' });
  }
  return load({ ...write(begun), steps }, file, tried);
}

/** The commit: rows that are replaced go, or go to an heir; the new rows come. */
function load(world: World, file: Delivery, tried: FileEvent): World {
  const states = new FileStates(world.events);
  const decision = { ...tried, evidence: {} };
  const replaced = replacedShas(file, decision, { states, policy: policyOf(world) });
  const rows = new Map(world.rows);
  const inherited: FileEvent[] = [];
  for (const sha of replaced) {
    const heir = sha === file.sha ? undefined : states.heir(file.path, sha);
    if (heir === undefined) continue;
    rows.set(heir.path, [...(rows.get(heir.path) ?? []), sha]);
    inherited.push({ ...tried, ...{ path: heir.path, sha, action: 'load', rule: 'same_bytes_new_path' } });
  }
  const kept = (rows.get(file.path) ?? []).filter((sha) => !replaced.includes(sha));
  rows.set(file.path, [...kept, file.sha]);
  return { ...world, rows, events: [...world.events, { ...tried, detail: { replaced } }, ...inherited] };
}
