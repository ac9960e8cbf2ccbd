import type { ObjectStore } from '../../storage/object-store.js';
import type { CommitInfo } from '../protocol/actions.js';
import { commitPath, LOG_FOLDER, parseLogPath } from '../protocol/log-names.js';
import { readCommit } from './commit-file.js';

/** One commit as its writer described it (PROTOCOL.md, "Commit Provenance Information"). */
export interface HistoryEntry {
  readonly version: number;
  /** ISO 8601 UTC. */
  readonly timestamp: string;
  readonly operation: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly engine: string | null;
}

/** The commits whose JSON is there, newest first, at most `limit`. */
export async function readHistory(store: ObjectStore, limit = Number.POSITIVE_INFINITY): Promise<HistoryEntry[]> {
  const versions = (await listCommitVersions(store)).reverse().slice(0, limit);
  const entries: HistoryEntry[] = [];
  for (const version of versions) {
    const { actions } = await readCommit(store, version);
    const info: CommitInfo = actions.flatMap((a) => ('commitInfo' in a ? [a.commitInfo] : []))[0] ?? {};
    const time = info.timestamp ?? (await store.findMeta(commitPath(version)))?.modified ?? 0;
    entries.push({
      version,
      timestamp: new Date(time).toISOString(),
      operation: info.operation ?? 'UNKNOWN',
      parameters: info.operationParameters ?? {},
      metrics: info.operationMetrics ?? {},
      engine: typeof info['engineInfo'] === 'string' ? info['engineInfo'] : null,
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
