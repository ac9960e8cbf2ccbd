import { LakeError, usageError } from '../../base/lake-error.js';
import {
  fillSql,
  identifiers,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { type Session, SQL_CUT, type SqlColumn } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type Commit, readCommit } from '../log/commit-file.js';
import { readDeletionVector } from '../log/deletion-vectors.js';
import { listCommitVersions } from '../log/history.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import { PHYSICAL_NAME } from '../protocol/column-mapping.js';
import { NO_ROWS } from '../protocol/row-set.js';
import type { DeltaField } from '../protocol/schema.js';
import { type ChangeFile, changeFiles, withoutRepeats } from './change-files.js';
import { assertCommits, commitTime, firstRecorded, parseTime, readFileTimes } from './change-range.js';
import { assertRecorded, assertShownAs } from './change-schema.js';
import { rowDifference } from './row-difference.js';

/** A version, or an ISO 8601 time. */
export interface ChangeBound {
  readonly version?: number;
  readonly timestamp?: string;
}

export interface ChangesRequest {
  /** The first version, or the first one at or after a time; default: as far back as the log knows that changes were recorded. */
  readonly from?: ChangeBound;
  /** The last version, or the last one at or before a time; default: the newest. */
  readonly to?: ChangeBound;
}

export interface ChangeFeed {
  /**
   * A SELECT to run in the session, in no order: the columns of the last version, `_change_type` (`insert`, `delete`,
   * `update_preimage`, `update_postimage`), `_commit_version` BIGINT and `_commit_timestamp` TIMESTAMPTZ. Good until the next feed.
   */
  readonly relation: SqlFragment;
  /** The range that was read, both ends included; undefined when no version is in it. */
  readonly versions: { readonly from: number; readonly to: number } | undefined;
}

export interface ChangesDeps {
  readonly session: Session;
  readonly store: ObjectStore;
  /** A version of the table; the newest without one. */
  snapshot(version?: number): Promise<Snapshot>;
}

const CHANGE_TYPE: DeltaField = {
  name: '_change_type',
  type: { kind: 'primitive', name: 'string' },
  nullable: true,
  metadata: { [PHYSICAL_NAME]: '_change_type' },
};

interface TimedCommit extends Commit {
  /** Milliseconds since the epoch. */
  readonly time: number;
}

interface Range {
  readonly end: Snapshot;
  readonly commits: readonly TimedCommit[];
}

function assertBound({ version, timestamp }: ChangeBound): void {
  if ((version === undefined) === (timestamp === undefined)) throw usageError('name a version or a time, and not both');
}

/** The commits of the range, checked: recorded, there, of one schema. */
async function readRange(deps: ChangesDeps, { from, to }: ChangesRequest): Promise<Range> {
  for (const given of [from, to]) if (given !== undefined) assertBound(given);
  const newest = await deps.snapshot();
  const last = to?.version ?? newest.version;
  const first = from === undefined ? await firstRecorded(deps.store, newest) : (from.version ?? 0);
  const place = `${newest.path}@${newest.version}`;
  if (first > newest.version)
    throw usageError(`version ${first} is not there; the newest is ${newest.version}`, { place });
  if (last < first) throw usageError(`the changes end before they start: from version ${first} to ${last}`, { place });
  const fileTimes = await readFileTimes(deps.store);
  const after = from?.timestamp === undefined ? undefined : parseTime(from.timestamp);
  const before = to?.timestamp === undefined ? undefined : parseTime(to.timestamp);
  const there = await listCommitVersions(deps.store);
  const wanted = there.filter((version) => version >= first && version <= Math.min(last, newest.version));
  const commits: TimedCommit[] = [];
  for (const version of wanted) {
    const commit = await readCommit(deps.store, version);
    const time = commitTime(commit, newest, fileTimes);
    if ((after === undefined || time >= after) && (before === undefined || time <= before)) {
      commits.push({ ...commit, time });
    }
  }
  if (from?.timestamp === undefined) {
    const upTo = commits.at(-1)?.version ?? first;
    assertCommits(
      newest.path,
      wanted.filter((version) => version <= upTo),
      first,
    );
  }
  const end = commits.at(-1)?.version;
  return { end: end === undefined || end === newest.version ? newest : await deps.snapshot(end), commits };
}

async function assertReadable(deps: ChangesDeps, { end, commits }: Range): Promise<void> {
  const [first] = commits;
  if (first === undefined) return;
  // One version is known whole; from there on the commits say what changed.
  let { metadata } = first.version === end.version ? end : await deps.snapshot(first.version);
  assertShownAs(end, metadata, first.version);
  for (const { version, actions } of commits) {
    for (const action of actions) {
      if (!('metaData' in action)) continue;
      metadata = action.metaData;
      assertShownAs(end, metadata, version);
    }
    assertRecorded(end.path, metadata, version);
  }
}

/** Removes of old writers do not say their partition; the version before does. */
async function withPartitions(deps: ChangesDeps, end: Snapshot, files: readonly ChangeFile[]): Promise<ChangeFile[]> {
  if (end.partitionColumns.length === 0) return [...files];
  const known: ChangeFile[] = [];
  for (const change of files) {
    const { file, version } = change;
    if (Object.keys(file.partitionValues).length > 0 || version === 0) known.push(change);
    else {
      const added = (await deps.snapshot(version - 1)).files.find(({ path }) => path === file.path);
      known.push({ ...change, file: { ...file, partitionValues: added?.partitionValues ?? {} } });
    }
  }
  return known;
}

interface Part {
  readonly slot: string;
  readonly end: Snapshot;
  readonly changes: readonly ChangeFile[];
  readonly times: ReadonlyMap<number, number>;
}

async function setFacts(session: Session, { slot, changes, times }: Part): Promise<void> {
  const sql = fillSql(readSqlFile('delta', 'changes_set_facts'), { slot: trustedFragment(slot) });
  await session.run(sql, {
    types: changes.map(({ type }) => type ?? null),
    versions: changes.map(({ version }) => String(version)),
    times: changes.map(({ version }) => new Date(times.get(version) ?? 0).toISOString()),
  });
}

async function setRows({ session, store }: ChangesDeps, { slot, changes }: Part): Promise<void> {
  const files: string[] = [];
  const starts: string[] = [];
  const ends: string[] = [];
  for (const [i, { difference }] of changes.entries()) {
    if (difference === undefined) continue;
    const deleted = await readDeletionVector(store, difference.deleted);
    const kept = difference.kept === undefined ? NO_ROWS : await readDeletionVector(store, difference.kept);
    for (const { start, end } of rowDifference(deleted, kept)) {
      files.push(String(i));
      starts.push(String(start));
      ends.push(String(end));
    }
  }
  const sql = fillSql(readSqlFile('delta', 'changes_set_rows'), { slot: trustedFragment(slot) });
  await session.run(sql, { files, starts, ends });
}

/** A scan of change files whose rows all say in the same way what happened to them. */
async function bindPart(deps: ChangesDeps, kind: 'feed' | 'files' | 'rows', part: Part): Promise<SqlFragment> {
  const { end, changes, slot } = part;
  const own = kind === 'feed' ? [CHANGE_TYPE] : [];
  const snapshot: Snapshot = {
    ...end,
    schema: { fields: [...end.schema.fields, ...own] },
    physicalSchema: { fields: [...end.physicalSchema.fields, ...own] },
  };
  const files = changes.map(({ file }) => file);
  const scan = await bindScan(deps.session, deps.store, { slot, snapshot, files, position: true });
  await setFacts(deps.session, part);
  if (kind === 'rows') await setRows(deps, part);
  const template = readSqlFile(
    'delta',
    kind === 'feed' ? 'changes_feed' : kind === 'rows' ? 'changes_rows' : 'changes_files',
  );
  return trustedFragment(
    fillSql(template, {
      columns: identifiers(end.schema.fields.map(({ name }) => name)),
      slot: trustedFragment(slot),
      scan,
    }),
  );
}

/**
 * The rows that changed between two versions, both included (PROTOCOL.md, "Reader Requirements for AddCDCFile"). A bound that is a time
 * takes the commits whose own time is within it. Throws `CHANGES_NOT_RECORDED`, `DELTA_SCHEMA` when columns were dropped, renamed or
 * changed in between, `VERSION_NOT_FOUND`, `USAGE`.
 */
export async function bindChanges(deps: ChangesDeps, request: ChangesRequest): Promise<ChangeFeed> {
  const range = await readRange(deps, request);
  await assertReadable(deps, range);
  const { end, commits } = range;
  const times = new Map(commits.map(({ version, time }) => [version, time]));
  const all = await withPartitions(deps, end, commits.flatMap(changeFiles));
  const kinds = {
    feed: all.filter(({ type }) => type === undefined),
    files: all.filter(({ type, difference }) => type !== undefined && difference === undefined),
    rows: all.filter(({ difference }) => difference !== undefined),
  };
  const parts: SqlFragment[] = [];
  for (const kind of ['feed', 'files', 'rows'] as const) {
    for (const changes of withoutRepeats(kinds[kind])) {
      parts.push(await bindPart(deps, kind, { slot: `changes_${parts.length}`, end, changes, times }));
    }
  }
  if (parts.length === 0) parts.push(await bindPart(deps, 'files', { slot: 'changes_0', end, changes: [], times }));
  const from = commits[0]?.version;
  return {
    relation: joinFragments(parts, '\nUNION ALL\n'),
    versions: from === undefined ? undefined : { from, to: end.version },
  };
}

/** The rows of a feed in the order of the versions, in chunks; at most `limit`. */
export async function* streamChanges(
  deps: ChangesDeps,
  { limit, ...request }: ChangesRequest & { readonly limit?: number },
  onColumns?: (columns: readonly SqlColumn[]) => void,
): AsyncGenerator<readonly SqlRow[]> {
  const { relation } = await bindChanges(deps, request);
  const sql = fillSql(readSqlFile('delta', 'changes_read'), { relation });
  const params = { limit: limit ?? null };
  let cut: unknown;
  try {
    yield* deps.session.stream(sql, params, onColumns);
  } catch (error) {
    if (!(error instanceof LakeError && error.code === SQL_CUT)) throw error;
    cut = error;
  }
  if (cut === undefined) return;
  // Only a statement that is run as a whole says why it failed.
  await deps.session.rows(sql, params);
  throw cut;
}
