import { eventTime } from '../../base/clock.js';
import { EXIT, LakeError } from '../../base/lake-error.js';
import type { FileColumn } from '../../sources/formats/index.js';
import type { Fingerprint, ListedFile } from '../../sources/index.js';
import type { ResolvedSource } from '../config/source-config.js';
import { readRelatedEvents } from '../events/read-events.js';
import { RUN_ENDED } from '../load/recover.js';
import type { BronzeTarget } from '../load/target.js';
import type { Decision, FileEvent } from '../model.js';
import type { IngestRequest, PlannedFile } from '../result.js';
import { type DecidePolicy, type DeliveredFile, decideFile, expectedEvent, replacedShas } from './decide.js';
import type { FileAccess } from './file-access.js';
import { FileStates } from './state.js';
import { readView, type View, type ViewDeps } from './view.js';

/** A file as the plan has it: what was found, and what is decided about it. */
export interface FilePlan {
  readonly file: ListedFile;
  /** Undefined when the file could not be read; `problem` says why then. */
  readonly fingerprint: Fingerprint | undefined;
  readonly problem: LakeError | undefined;
  readonly decision: Decision;
  /** Contents of this path whose rows go when it is loaded. */
  readonly replaced: readonly string[];
  /** Number of this try of these bytes. */
  readonly attempt: number;
  /** Set for rows that were written to a Parquet file of our own: what is in it. */
  readonly own?: {
    readonly columns: readonly FileColumn[];
    readonly rows: number;
    /** Columns that a transform must keep. */
    readonly kept: readonly string[];
  };
  /** What every event of it says beside what all events say. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface PlanContext {
  readonly source: ResolvedSource;
  readonly runId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly request: IngestRequest;
  /** Requests that are taken for written. */
  readonly asked?: readonly FileEvent[];
  /** The last batch whose end was told, as `recover` says. */
  readonly told?: number;
  readonly onRead?: (done: number, total: number) => void;
  readonly files: FileAccess;
}

/** A delivered file with what its bytes are, or why that cannot be told. */
interface Delivery {
  readonly file: ListedFile;
  readonly fingerprint?: Fingerprint;
  readonly problem?: LakeError;
  /** The fingerprint is what the ledger has for a file that looks the same; its bytes are not here. */
  readonly unread?: boolean;
}

type Decided = PlanContext & { readonly view: View };

function notArrived(file: ListedFile, why: string): FilePlan {
  const decision: Decision = { action: 'wait', rule: 'not_arrived', reason: why, evidence: { path: file.path } };
  return { file, fingerprint: undefined, problem: undefined, decision, replaced: [], attempt: 1 };
}

function unreadable(file: ListedFile, problem: LakeError): FilePlan {
  const decision: Decision = {
    action: 'wait',
    rule: 'not_arrived',
    reason: problem.message,
    evidence: { path: file.path },
  };
  return { file, fingerprint: undefined, problem, decision, replaced: [], attempt: 1 };
}

/** The number of the next try of these bytes at this path. A try that was cut off by the end of its run does not count. */
function attemptOf(states: FileStates, path: string, sha: string): number {
  const outcome = states.outcome(path, sha);
  const begun = states.interrupted(path, sha);
  if (begun !== undefined && states.isAfter(begun, outcome)) return begun.attempt;
  if (outcome === undefined || outcome.nextRetryAt === null) return 1;
  return outcome.errorCode === RUN_ENDED ? outcome.attempt : outcome.attempt + 1;
}

function policyOf({ source, now, request, view }: Decided): DecidePolicy {
  return {
    correction: source.correction,
    retry: source.retry,
    now,
    released: ({ detail, schemaVersion }) =>
      detail['pending_schema'] === true && schemaVersion !== null && !view.pendingVersions.has(schemaVersion),
    ...(request.retryNow === undefined ? {} : { retryNow: request.retryNow }),
    ...(request.fullRefresh === undefined ? {} : { fullRefresh: request.fullRefresh }),
  };
}

function isWanted({ request, source }: PlanContext, file: ListedFile, sha: string): boolean {
  if (request.date !== undefined && source.businessDate !== undefined && file.businessDate !== request.date)
    return false;
  return request.only?.({ source: source.name, path: file.path, sha }) ?? true;
}

/** Bytes that another source has brought into the target are not loaded beside them. */
function heldByOther({ states, others }: View, file: DeliveredFile, decision: Decision): Decision {
  if (decision.action !== 'load' || decision.rule !== 'new') return decision;
  for (const [source, other] of others) {
    const owner = other.owner(file.sha);
    if (owner === undefined) continue;
    const told = states.latest(file.path, file.sha)?.status === 'SKIPPED';
    return {
      action: 'skip',
      rule: told ? 'same_bytes_same_path' : 'same_bytes_new_path',
      reason: `these bytes are in the target already, from ${owner.path} of the source ${source}`,
      evidence: { source, path: owner.path, sha: owner.sha, run_id: owner.runId, batch: owner.batch },
    };
  }
  return decision;
}

/** Decides one file and tells the states what is expected of it, so that later files are decided after it. */
function decide(context: Decided, file: ListedFile, fingerprint: Fingerprint): FilePlan {
  const { source, runId, now, view } = context;
  const { states, seq } = view;
  const policy = policyOf(context);
  const delivered = { path: file.path, sha: fingerprint.sha256 };
  const decision = heldByOther(view, delivered, decideFile(delivered, states, policy));
  const replaced = replacedShas(delivered, decision, { states, policy });
  const attempt = attemptOf(states, file.path, fingerprint.sha256);
  const at = eventTime(now);
  const expected = expectedEvent(delivered, decision, {
    source: source.name,
    target: source.target,
    seq,
    at,
    runId,
    replaced,
  });
  if (expected !== undefined) states.add(expected);
  const remote = file.origin === undefined ? {} : { detail: { remote: { size: file.size, modified: file.modified } } };
  return { file, fingerprint, problem: undefined, decision, replaced, attempt, ...remote };
}

/** What the ledger has of the files of a server, to know those again that look as they did. */
async function readKnown(deps: ViewDeps, context: PlanContext, listed: readonly ListedFile[]): Promise<FileStates> {
  const { source, request } = context;
  const again = request.fullRefresh === true || request.retryNow !== undefined;
  if (!context.files.remote || again || listed.length === 0) return new FileStates([]);
  const files = listed.map(({ path }) => ({ path, sha: '' }));
  const { events } = await readRelatedEvents(deps, { source: source.name, target: source.target, files });
  return new FileStates(events);
}

/** What the bytes of a file of a server were when it looked as it does now; undefined when they must be read. */
function knownBytes(states: FileStates, file: ListedFile): Fingerprint | undefined {
  const last = states.history(file.path).at(-1);
  if (last === undefined || !/^(INGESTED|REPROCESSED|SKIPPED)$/.test(last.status)) return undefined;
  const remote = last.detail['remote'] as { size?: unknown; modified?: unknown } | undefined;
  if (remote?.size !== file.size || remote.modified !== file.modified) return undefined;
  if (states.request(file.path, last.sha) !== undefined) return undefined;
  return { sha256: last.sha, gitSha: last.gitSha, size: file.size, modified: file.modified, changeKey: '' };
}

/** Lists the files of a source and reads their bytes for their hashes. */
async function readDeliveries(deps: ViewDeps, context: PlanContext): Promise<readonly Delivery[]> {
  const { now, request, onRead, files } = context;
  const listed = await files.list(now);
  const known = await readKnown(deps, context, listed);
  const found: Delivery[] = [];
  for (const [i, file] of listed.entries()) {
    request.signal?.throwIfAborted();
    onRead?.(i, listed.length);
    const fingerprint = knownBytes(known, file);
    if (file.waiting !== null) found.push({ file });
    else found.push(fingerprint === undefined ? await readDelivery(files, file) : { file, fingerprint, unread: true });
  }
  return found;
}

async function readDelivery(files: FileAccess, file: ListedFile): Promise<Delivery> {
  try {
    return await files.read(file);
  } catch (error) {
    // Without the server nothing can be said of the others either.
    if (!(error instanceof LakeError) || error.exitCode !== EXIT.data) throw error;
    return { file, problem: error };
  }
}

/** The bytes of files that are to be loaded after all. */
async function fetchUnread(context: Decided, plan: FilePlan, { unread }: Delivery): Promise<FilePlan> {
  if (unread !== true || !isLoad(plan.decision)) return plan;
  const { file, fingerprint, problem } = await readDelivery(context.files, plan.file);
  if (problem !== undefined) return unreadable(plan.file, problem);
  if (fingerprint?.sha256 === plan.fingerprint?.sha256) return { ...plan, file, fingerprint };
  return decide(context, file, fingerprint as Fingerprint);
}

function planDelivery(context: Decided, { file, fingerprint, problem }: Delivery): FilePlan[] {
  if (problem !== undefined) return [unreadable(file, problem)];
  if (fingerprint === undefined) return [notArrived(file, file.waiting ?? '')];
  return isWanted(context, file, fingerprint.sha256) ? [decide(context, file, fingerprint)] : [];
}

/**
 * Lists the files of a source, reads their bytes for their hashes, and decides each. Writes nothing. A file that cannot be read
 * is part of the plan with its problem; it does not stop the others. The target is looked at before the event log: a commit that comes
 * later is met as a lost race.
 */
export async function planSource(
  deps: ViewDeps,
  target: BronzeTarget,
  context: PlanContext,
): Promise<{ readonly plans: readonly FilePlan[]; readonly view: View }> {
  const deliveries = await readDeliveries(deps, context);
  const files = deliveries.flatMap(({ file, fingerprint }) =>
    fingerprint === undefined ? [] : [{ path: file.path, sha: fingerprint.sha256 }],
  );
  const view = await readView(deps, {
    source: context.source,
    target,
    files,
    ...(context.told === undefined ? {} : { told: context.told }),
  });
  const { source, request } = context;
  for (const event of context.asked ?? []) {
    if (event.source === source.name && event.target === source.target) view.states.add(event);
  }
  const decided = { ...context, view };
  const plans: FilePlan[] = [];
  for (const delivery of deliveries) {
    for (const plan of planDelivery(decided, delivery)) plans.push(await fetchUnread(decided, plan, delivery));
  }
  // Asked to try failed files again, a run does nothing else.
  const wanted = request.retryNow === undefined ? plans : plans.filter(({ decision }) => decision.rule === 'retry');
  return { plans: wanted, view };
}

/** A plan for people and scripts. */
export function plannedFile(source: ResolvedSource, plan: FilePlan): PlannedFile {
  const { file, fingerprint, decision } = plan;
  return {
    source: source.name,
    target: source.target,
    path: file.path,
    file_sha: fingerprint?.sha256 ?? null,
    size: file.size,
    business_date: file.businessDate,
    decision: decision.action,
    rule: decision.rule,
    reason: decision.reason,
    evidence: decision.evidence,
  };
}

/** Whether a decision brings rows into the target. */
export function isLoad({ action }: Pick<Decision, 'action'>): boolean {
  return action === 'load' || action === 'replace' || action === 'append';
}
