import {
  type CorrectionPolicy,
  type Decision,
  type Evidence,
  type FileEvent,
  type RetryPolicy,
  UNTRIED,
} from '../model.js';
import type { FileStates } from './state.js';

/** A file that was delivered. */
export interface DeliveredFile {
  readonly path: string;
  /** SHA-256 of its bytes, hex. */
  readonly sha: string;
}

export interface DecidePolicy {
  readonly correction: CorrectionPolicy;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly retry: RetryPolicy;
  /** What `retry` was asked to try at once: what is due, also dead letters, or everything that failed. */
  readonly retryNow?: 'due' | 'all' | 'dead_letter';
  /** Everything is loaded again. */
  readonly fullRefresh?: boolean;
  /** Whether what held a file is settled: its schema was accepted. */
  readonly released?: (held: FileEvent) => boolean;
}

interface Case {
  readonly file: DeliveredFile;
  readonly states: FileStates;
  readonly policy: DecidePolicy;
}

const SHOWN_SHA = 12;

/** The start of a sha, for sentences. */
export function shortSha(sha: string): string {
  return sha.slice(0, SHOWN_SHA);
}

/** What a decision rests on, as plain facts: the event and what it was about. */
function evidenceOf(event: FileEvent): Evidence {
  return {
    path: event.path,
    sha: event.sha,
    run_id: event.runId,
    batch: event.batch,
    status: event.status,
    at: event.at,
  };
}

/**
 * What `ingest` does with a delivered file, given everything that happened before. Pure: the same file, events and policy
 * give the same decision.
 */
export function decideFile(file: DeliveredFile, states: FileStates, policy: DecidePolicy): Decision {
  const asked: Case = { file, states, policy };
  return (
    again(asked) ??
    sameBytesHere(asked) ??
    sameBytesElsewhere(asked) ??
    triedBefore(asked) ??
    changed(asked) ??
    fresh(asked)
  );
}

/** Whether rows of this path are in the target that the decision must not double. */
function hasRows({ file, states }: Case): boolean {
  return states.loads(file.path).length > 0;
}

/** The skip that says this path's bytes are held under another path, while that is so. */
function heldElsewhere({ file, states }: Case): FileEvent | undefined {
  const current = states.current(file.path);
  return hasRows({ file, states } as Case) || current?.sha !== file.sha ? undefined : current;
}

/** A request that nothing has answered: neither a success nor a failure after it. */
function pendingRequest({ file, states }: Case): FileEvent | undefined {
  const request = states.request(file.path, file.sha);
  if (request === undefined) return undefined;
  const outcome = states.outcome(file.path, file.sha);
  return states.isAfter(request, outcome) ? request : undefined;
}

/** Loads that were asked for: a request for this file, or a full refresh. */
function again(asked: Case): Decision | undefined {
  const { file, states, policy } = asked;
  const request = pendingRequest(asked);
  if (request === undefined && policy.fullRefresh !== true) return undefined;
  // Rows under two paths would be the price of loading an alias; the path that has them is the one to load again.
  if (heldElsewhere(asked) !== undefined) return undefined;
  const known = states.loads(file.path).some(({ sha }) => sha === file.sha);
  if (request === undefined && !known) return undefined;
  const evidence: Evidence =
    request === undefined ? { full_refresh: true, path: file.path, sha: file.sha } : evidenceOf(request);
  const reason =
    request === undefined
      ? 'everything is loaded again, as asked with --full-refresh'
      : `loading it again was asked for${request.reason === '' ? '' : `: ${request.reason}`}`;
  return { action: reloadAction(asked), rule: 'reprocess', reason, evidence };
}

function reloadAction({ file, states, policy }: Case): Decision['action'] {
  const loaded = states.loadedShas(file.path);
  if (loaded.length === 0) return 'load';
  return loaded.includes(file.sha) || policy.correction !== 'append' ? 'replace' : 'append';
}

function sameBytesHere({ file, states }: Case): Decision | undefined {
  const current = states.current(file.path);
  if (current?.sha !== file.sha) return undefined;
  const outcome = states.outcome(file.path, file.sha);
  // A forced load of loaded bytes that failed goes on like any failed load.
  if (outcome !== undefined && isFailed(outcome) && states.isAfter(outcome, current)) return undefined;
  const owner = states.owner(file.sha);
  const isAlias = current.status === 'SKIPPED' && owner !== undefined;
  const reason = isAlias
    ? `the same bytes as at its last delivery, held under ${owner.path}`
    : `the same bytes as at its last delivery, loaded ${current.at}`;
  const evidence = { ...evidenceOf(current), ...(isAlias ? { owner: owner.path } : {}) };
  return { action: 'skip', rule: 'same_bytes_same_path', reason, evidence };
}

function sameBytesElsewhere(asked: Case): Decision | undefined {
  const { file, states, policy } = asked;
  if (hasRows(asked) || (policy.correction === 'hold' && states.current(file.path) !== undefined)) return undefined;
  const owner = states.owners(file.sha).find(({ path }) => path !== file.path);
  if (owner === undefined) return undefined;
  return {
    action: 'skip',
    rule: 'same_bytes_new_path',
    reason: `these bytes are in the target already, from ${owner.path}`,
    evidence: evidenceOf(owner),
  };
}

function triesAll({ policy }: Case): boolean {
  return policy.retryNow === 'all' || policy.fullRefresh === true;
}

function isFailed(event: FileEvent): boolean {
  return event.status === 'FAILED' || event.status === 'RETRYING';
}

/** These bytes were tried at this path and did not get in. */
function triedBefore(asked: Case): Decision | undefined {
  const { file, states } = asked;
  const outcome = states.outcome(file.path, file.sha);
  const begun = states.interrupted(file.path, file.sha);
  const cut = begun !== undefined && states.isAfter(begun, outcome) ? begun : undefined;
  if (outcome?.status === 'QUARANTINED' && asked.policy.released?.(outcome) === true) {
    return retry(asked, outcome, 'its schema was accepted');
  }
  if (outcome?.status === 'QUARANTINED') return heldBefore(asked, outcome);
  if (outcome !== undefined && isFailed(outcome)) return failedBefore(asked, outcome);
  if (cut === undefined) return undefined;
  return retry(asked, cut, `the try of ${cut.at} was cut short and nothing of it is in the target`);
}

function heldBefore(asked: Case, held: FileEvent): Decision {
  // A load that was stopped (by its schema, say) is a failed one; what a policy holds back waits for a person.
  if (held.action !== 'hold' && triesAll(asked)) return retry(asked, held, 'asked for, after it was held');
  return {
    action: 'skip',
    rule: 'quarantined',
    reason: `held since ${held.at} until it is released with "reprocess": ${held.error ?? held.reason}`,
    evidence: evidenceOf(held),
  };
}

/** Whether a failed file has used up its tries; raising their number gives it new ones. */
function isDeadLetter(failed: FileEvent, policy: RetryPolicy): boolean {
  return failed.rule === 'dead_letter' && failed.attempt >= policy.maxAttempts;
}

function failedBefore(asked: Case, failed: FileEvent): Decision {
  const { policy } = asked;
  const evidence = { ...evidenceOf(failed), attempt: failed.attempt, error_code: failed.errorCode };
  const all = triesAll(asked);
  const why = failed.error ?? failed.errorCode ?? failed.reason;
  if (failed.nextRetryAt !== null) {
    if (!all && Date.parse(failed.nextRetryAt) > policy.now) {
      const reason = `try ${failed.attempt} failed; the next is due ${failed.nextRetryAt}: ${why}`;
      return {
        action: 'wait',
        rule: 'retry_not_due',
        reason,
        evidence: { ...evidence, next_retry_at: failed.nextRetryAt },
      };
    }
    return retry(asked, failed, `try ${failed.attempt} failed and the next is due: ${why}`);
  }
  const dead = isDeadLetter(failed, policy.retry);
  if (all || (dead && policy.retryNow === 'dead_letter')) {
    return retry(asked, failed, `asked for, after try ${failed.attempt} failed: ${why}`);
  }
  if (failed.rule === 'dead_letter' && !dead) {
    return retry(asked, failed, `try ${failed.attempt} failed and ${policy.retry.maxAttempts} are allowed now: ${why}`);
  }
  const reason = dead
    ? `all ${failed.attempt} tries failed; "retry --dead-letter" tries again: ${why}`
    : `these bytes failed before and would fail again; other bytes, "retry" or "reprocess" try again: ${why}`;
  return { action: 'skip', rule: dead ? 'dead_letter' : 'failed_before', reason, evidence };
}

function retry(asked: Case, before: FileEvent, reason: string): Decision {
  const { file, states } = asked;
  // A try that was cut short does not count: whoever killed the process had nothing against the file.
  const attempt = before.status === 'PROCESSING' ? before.attempt - 1 : before.attempt;
  const evidence = { ...evidenceOf(before), attempt };
  if (states.request(file.path, file.sha) !== undefined) {
    return { action: reloadAction(asked), rule: 'retry', reason, evidence };
  }
  if (states.loads(file.path).some(({ sha }) => sha === file.sha) && states.current(file.path)?.sha === file.sha) {
    return { action: 'replace', rule: 'retry', reason, evidence };
  }
  const correction = changed(asked);
  if (correction === undefined) return { action: 'load', rule: 'retry', reason, evidence };
  if (correction.action === 'hold') return correction;
  return { ...correction, rule: 'retry', reason: `${reason}; ${correction.reason}`, evidence };
}

const CHANGE: Readonly<Record<CorrectionPolicy, { action: 'replace' | 'append' | 'hold'; does: string }>> = {
  replace: { action: 'replace', does: 'its rows take the place of the earlier ones' },
  append: { action: 'append', does: 'its rows are added to the earlier ones' },
  hold: { action: 'hold', does: 'it is held and the earlier rows stay' },
};

/** A path that has content gets other bytes. */
function changed({ file, states, policy }: Case): Decision | undefined {
  const current = states.current(file.path);
  if (current === undefined || current.sha === file.sha) return undefined;
  const { action, does } = CHANGE[policy.correction];
  const earlier = states.lastSuccess(file.path, file.sha);
  const now = { was: current.sha, was_run_id: current.runId, was_batch: current.batch, was_at: current.at };
  if (earlier !== undefined) {
    const reason = `bytes that this path had before (${earlier.at}) came back after ${shortSha(current.sha)}; ${does}`;
    return { action, rule: 'returned', reason, evidence: { ...evidenceOf(earlier), ...now } };
  }
  const reason = `other bytes than at its last delivery (${shortSha(current.sha)}, ${current.at}); ${does}`;
  return { action, rule: 'correction', reason, evidence: { ...evidenceOf(current), ...now, sha: file.sha } };
}

function fresh({ file, states }: Case): Decision {
  const alias = states.lastSuccess(file.path, file.sha);
  const evidence: Evidence = alias === undefined ? { path: file.path, sha: file.sha } : evidenceOf(alias);
  if (alias !== undefined) {
    const reason = 'its bytes were held under another path, which has lost them since';
    return { action: 'load', rule: 'new', reason, evidence };
  }
  const others = states.history(file.path).some(({ sha }) => sha !== file.sha);
  const reason = others
    ? 'nothing of this path is in the target yet'
    : 'the first delivery of this path and of these bytes';
  return { action: 'load', rule: 'new', reason, evidence };
}

/**
 * The shas whose rows of this path a decision takes out of the target, for `replaced` of its event. A correction takes all
 * of them; a reload under `append` only those of its own bytes.
 */
export function replacedShas(
  file: DeliveredFile,
  decision: Decision,
  at: { readonly states: FileStates; readonly policy: DecidePolicy },
): readonly string[] {
  if (decision.action !== 'replace') return [];
  const loaded = at.states.loadedShas(file.path);
  return at.policy.correction === 'append' ? loaded.filter((sha) => sha === file.sha) : loaded;
}

/** The event that a decision will make when all goes well: what later files of the same plan are decided with. Undefined for what changes nothing. */
export function expectedEvent(
  file: DeliveredFile,
  decision: Decision,
  at: Pick<FileEvent, 'source' | 'target' | 'seq' | 'at' | 'runId'> & { readonly replaced: readonly string[] },
): FileEvent | undefined {
  const { action, rule, reason } = decision;
  const isAlias = rule === 'same_bytes_new_path';
  if ((action === 'skip' && !isAlias) || action === 'wait') return undefined;
  const { source, target, seq, runId, replaced } = at;
  return {
    source,
    target,
    seq,
    runId,
    at: at.at,
    path: file.path,
    sha: file.sha,
    status: action === 'hold' ? 'QUARANTINED' : isAlias ? 'SKIPPED' : rule === 'reprocess' ? 'REPROCESSED' : 'INGESTED',
    action,
    rule,
    reason,
    ...UNTRIED,
    detail: { replaced },
  };
}
