import { randomUUID } from 'node:crypto';
import { backoff, type Clock, sleep } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type Commit, readCommit } from '../log/commit-file.js';
import { advanceSnapshot, applyCommits, type Snapshot } from '../log/snapshot.js';
import type { Action, CommitInfo, Metadata, Protocol } from '../protocol/actions.js';
import { exactNumber, renderExactJson } from '../protocol/exact-json.js';
import { assertWritable } from '../protocol/features.js';
import { commitPath } from '../protocol/log-names.js';
import {
  type Conflict,
  findConflict,
  type IsolationLevel,
  isBlindAppend,
  isolationLevel,
  type Reads,
  rearrangesOnly,
} from './conflicts.js';

/** Plain data: everything a commit will say, decided on `snapshot`. */
export interface Stage {
  readonly snapshot: Snapshot;
  /** Without `commitInfo`. */
  readonly actions: readonly Action[];
  readonly reads: Reads;
  /** A word of Spark's: WRITE, MERGE, OPTIMIZE, CREATE TABLE … */
  readonly operation: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly metrics?: Readonly<Record<string, number>>;
  /** Text of the caller's that stays in the history. */
  readonly userMetadata?: string | undefined;
}

/** Losing a race is a value: the caller stages again on `snapshot`, the newest one. */
export type CommitResult =
  | { readonly outcome: 'committed'; readonly version: number; readonly snapshot: Snapshot }
  | { readonly outcome: 'conflict'; readonly conflict: Conflict; readonly snapshot: Snapshot };

export interface CommitDeps {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** `name/version` of the writer. */
  readonly engineInfo: string;
}

const MAX_ATTEMPTS = 1000;

function textMap(values: Readonly<Record<string, unknown>>): Record<string, string | null> {
  const text = (value: unknown) => (value === null || typeof value === 'string' ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, text(value)]));
}

interface CommitContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly txnId: string;
  readonly engineInfo: string;
  readonly inCommitTimestamp?: number | undefined;
}

/** `commitInfo` as Spark writes it: parameters and metrics are text. */
function commitInfo(stage: Stage, at: CommitContext): CommitInfo {
  return {
    ...(at.inCommitTimestamp === undefined ? {} : { inCommitTimestamp: at.inCommitTimestamp }),
    timestamp: at.now,
    operation: stage.operation,
    operationParameters: textMap(stage.parameters ?? {}),
    readVersion: stage.snapshot.version,
    isolationLevel: rearrangesOnly(stage.actions) ? 'SnapshotIsolation' : isolationLevel(stage.snapshot.metadata),
    isBlindAppend: isBlindAppend(stage.actions, stage.reads),
    operationMetrics: textMap(stage.metrics ?? {}),
    ...(stage.userMetadata === undefined ? {} : { userMetadata: stage.userMetadata }),
    engineInfo: at.engineInfo,
    txnId: at.txnId,
  };
}

function encodeAction(action: Action): string {
  if (!('txn' in action) || typeof action.txn.version !== 'bigint') return JSON.stringify(action);
  const exact = (_: string, value: unknown) => (typeof value === 'bigint' ? exactNumber(String(value)) : value);
  return renderExactJson(JSON.parse(JSON.stringify(action, exact)));
}

/** The bytes of a commit: one action a line. */
function encodeCommit(actions: readonly Action[]): Uint8Array {
  return new TextEncoder().encode(actions.map((action) => `${encodeAction(action)}\n`).join(''));
}

function isMine(commit: Commit | undefined, txnId: string): boolean {
  return commit?.actions.some((a) => 'commitInfo' in a && a.commitInfo.txnId === txnId) ?? false;
}

/** Puts one commit; `false` when the version is taken. A lost answer is resolved by reading the file back and comparing `txnId`. */
export async function putCommit(store: ObjectStore, commit: Commit, txnId: string): Promise<boolean> {
  try {
    // The commit point: from here on every reader sees this version, or no reader ever does.
    if (await store.putIfAbsent(commitPath(commit.version), encodeCommit(commit.actions))) return true;
  } catch (error) {
    const found = await readCommit(store, commit.version).catch(() => undefined);
    if (isMine(found, txnId)) return true;
    throw error;
  }
  // A client that repeats a request by itself may meet its own first attempt.
  return isMine(await readCommit(store, commit.version).catch(() => undefined), txnId);
}

function stageMetadata({ snapshot, actions }: Stage): Metadata {
  return actions.flatMap((a) => ('metaData' in a ? [a.metaData] : []))[0] ?? snapshot.metadata;
}

function stageProtocol({ snapshot, actions }: Stage): Protocol {
  return actions.flatMap((a) => ('protocol' in a ? [a.protocol] : []))[0] ?? snapshot.protocol;
}

function assertAllowed(stage: Stage): void {
  const { snapshot, actions } = stage;
  const place = `${snapshot.path}@${snapshot.version}`;
  assertWritable(snapshot.protocol, snapshot.metadata, place);
  assertWritable(stageProtocol(stage), stageMetadata(stage), place);
  // Spark judges by the properties before the commit: the commit that unsets the property removes nothing.
  if (!isSet(snapshot.metadata.configuration, 'delta.appendOnly')) return;
  if (!actions.some((a) => 'remove' in a && a.remove.dataChange)) return;
  throw new LakeError('DELTA_APPEND_ONLY', 'this table only takes appends (delta.appendOnly = true)', { place });
}

function isSet(configuration: Metadata['configuration'], property: string): boolean {
  return configuration[property]?.toLowerCase() === 'true';
}

const ICT = 'delta.enableInCommitTimestamps';

/**
 * The time of a version, when the table has in-commit timestamps: later than that of the version before (PROTOCOL.md,
 * "Writer Requirements for In-Commit Timestamps").
 */
async function inCommitTimestamp(deps: CommitDeps, stage: Stage, latest: Snapshot): Promise<number | undefined> {
  const now = deps.clock.now();
  if (!isSet(stageMetadata({ ...stage, snapshot: latest }).configuration, ICT)) return undefined;
  const before = isSet(latest.metadata.configuration, ICT)
    ? latest.inCommitTimestamp
    : (await deps.store.findMeta(commitPath(latest.version)))?.modified;
  return Math.max(now, Math.floor(before ?? 0) + 1);
}

/** The actions with the version and time at which in-commit timestamps begin, in the commit that begins them. */
function withEnablement(
  actions: readonly Action[],
  { latest, timestamp }: { readonly latest: Snapshot; readonly timestamp: number | undefined },
): readonly Action[] {
  if (timestamp === undefined || isSet(latest.metadata.configuration, ICT)) return actions;
  return actions.map((action) => {
    if (!('metaData' in action)) return action;
    const configuration = {
      ...action.metaData.configuration,
      'delta.inCommitTimestampEnablementVersion': String(latest.version + 1),
      'delta.inCommitTimestampEnablementTimestamp': String(timestamp),
    };
    return { metaData: { ...action.metaData, configuration } };
  });
}

/** The conflict with the first of the winners that makes the stage wrong. */
function firstConflict(stage: Stage, winners: readonly Commit[], isolation: IsolationLevel): Conflict | undefined {
  let { protocol } = stage.snapshot;
  for (const winner of winners) {
    const mine = { actions: stage.actions, reads: stage.reads, isolation, protocol, metadata: stage.snapshot.metadata };
    const conflict = findConflict(mine, winner);
    if (conflict !== undefined) return conflict;
    protocol = winner.actions.flatMap((a) => ('protocol' in a ? [a.protocol] : []))[0] ?? protocol;
  }
  return undefined;
}

/**
 * Commits a stage, following other writers while their commits do not matter to it; their order decides the version.
 * Throws `DELTA_UNSUPPORTED`, `DELTA_APPEND_ONLY`, `STORAGE`. Source: PROTOCOL.md, "Writer Requirements".
 */
export async function commit(deps: CommitDeps, stage: Stage): Promise<CommitResult> {
  const { store, clock, engineInfo } = deps;
  assertAllowed(stage);
  const txnId = randomUUID();
  const isolation = rearrangesOnly(stage.actions) ? 'SnapshotIsolation' : isolationLevel(stage.snapshot.metadata);
  let latest = stage.snapshot;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const timestamp = await inCommitTimestamp(deps, stage, latest);
    // One time for both: some readers show the one, some the other.
    const now = timestamp ?? clock.now();
    const info = commitInfo(stage, { now, txnId, engineInfo, inCommitTimestamp: timestamp });
    const actions = withEnablement(stage.actions, { latest, timestamp });
    const mine: Commit = { version: latest.version + 1, actions: [{ commitInfo: info }, ...actions] };
    if (await putCommit(store, mine, txnId)) {
      return { outcome: 'committed', version: mine.version, snapshot: applyCommits(latest, [mine]) };
    }
    const { snapshot, commits } = await advanceSnapshot(store, latest);
    const conflict = firstConflict({ ...stage, snapshot: latest }, commits, isolation);
    if (conflict !== undefined) return { outcome: 'conflict', conflict, snapshot };
    latest = snapshot;
    if (attempt > 0) await sleep(backoff(clock, attempt, 200));
  }
  throw new LakeError('DELTA_BUSY', `the commit lost ${MAX_ATTEMPTS} races in a row`, {
    place: store.root,
    retryable: true,
  });
}
