import type { ObjectStore } from '../../storage/object-store.js';
import type { CommitInfo } from '../protocol/actions.js';
import { LOG_FOLDER, parseLogPath } from '../protocol/log-names.js';
import { findCommitInfo, readCommits } from './commit-file.js';
import { readCommitTimes } from './commit-times.js';

/** One commit as its writer described it (PROTOCOL.md, "Commit Provenance Information"). */
export interface HistoryEntry {
  readonly version: number;
  /** ISO 8601 UTC: the in-commit timestamp, or when the file was written, made to grow with the version. */
  readonly timestamp: string;
  readonly operation: string;
  /** Spark writes all values as text, others write any JSON. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly engine: string | null;
  readonly isBlindAppend?: boolean;
  /** The version that the writer had read. */
  readonly readVersion?: number;
  readonly isolationLevel?: string;
  readonly txnId?: string;
  readonly userMetadata?: string;
  readonly userId?: string;
  readonly userName?: string;
}

const TYPES = {
  isBlindAppend: 'boolean',
  readVersion: 'number',
  isolationLevel: 'string',
  txnId: 'string',
  userMetadata: 'string',
  userId: 'string',
  userName: 'string',
} as const;

function optional(info: CommitInfo): Partial<HistoryEntry> {
  return Object.fromEntries(
    Object.entries(TYPES).flatMap(([name, type]) => (typeof info[name] === type ? [[name, info[name]]] : [])),
  );
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function isoTime(time: number | undefined): string {
  const date = new Date(time ?? 0);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** The commits whose JSON is there, newest first, at most `limit`. Throws `DELTA_LOG` for one that is damaged. */
export async function readHistory(store: ObjectStore, limit = Number.POSITIVE_INFINITY): Promise<HistoryEntry[]> {
  const { log, findTime } = await readCommitTimes(store, undefined);
  const versions = [...log.commits].reverse().slice(0, limit);
  const entries: HistoryEntry[] = [];
  for await (const commit of readCommits(store, versions)) {
    const info: CommitInfo = findCommitInfo(commit) ?? {};
    const { version } = commit;
    const inside = info.inCommitTimestamp;
    entries.push({
      version,
      timestamp: isoTime(typeof inside === 'number' ? inside : await findTime(version)),
      operation: typeof info.operation === 'string' ? info.operation : 'UNKNOWN',
      parameters: objectOf(info.operationParameters),
      metrics: objectOf(info.operationMetrics),
      engine: typeof info['engineInfo'] === 'string' ? info['engineInfo'] : null,
      ...optional(info),
    });
  }
  return entries;
}

/** Versions whose JSON is there, oldest first. */
export async function listCommitVersions(store: ObjectStore): Promise<number[]> {
  const paths = await store.list(LOG_FOLDER);
  return paths.flatMap((path) => {
    const file = parseLogPath(path);
    return file?.kind === 'commit' ? [file.version] : [];
  });
}
