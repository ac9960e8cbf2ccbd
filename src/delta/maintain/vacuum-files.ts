import { LakeError } from '../../base/lake-error.js';
import type { ObjectMeta, ObjectStore } from '../../storage/object-store.js';
import { readCommit } from '../log/commit-file.js';
import { listCommitVersions } from '../log/history.js';
import type { Snapshot } from '../log/snapshot.js';
import { commitPath, LOG_FOLDER } from '../protocol/log-names.js';
import { partitionFolder } from '../protocol/paths.js';
import { isExpired, type KeptFiles, pathsBelow } from './kept-files.js';

const CHANGE_DATA = '_change_data';
/** Where Spark notes how far a lite vacuum has read the log. */
const LAST_VACUUM = `${LOG_FOLDER}/_last_vacuum_info`;

export interface Listing {
  readonly files: readonly ObjectMeta[];
  readonly folders: number;
}

/** Whether a name in a table's folder is not the table's: hidden, and no partition folder whose column has such a name. */
function isHidden(name: string, partitionFolders: readonly string[]): boolean {
  return /^[_.]/.test(name) && !partitionFolders.some((prefix) => name.startsWith(prefix));
}

function partitionPrefixes({ partitionColumns, physicalPartitionColumns }: Snapshot): string[] {
  // The folder of a partition without a value starts with the escaped name of the column.
  return [...partitionColumns, ...physicalPartitionColumns].flatMap((column) => [
    `${column}=`,
    partitionFolder([column], {}).replace(/=[^=]*$/, '='),
  ]);
}

/**
 * Every file that a table may have in its folder: not its log, not what is hidden (PROTOCOL.md, "Data Files"), and nothing of
 * another table that lies inside.
 */
export async function listTableFiles(store: ObjectStore, snapshot: Snapshot): Promise<Listing> {
  const prefixes = partitionPrefixes(snapshot);
  const inner: string[] = [];
  let folders = 1;
  const enter = (folder: string): boolean => {
    const name = folder.slice(folder.lastIndexOf('/') + 1);
    if (name === LOG_FOLDER && folder !== LOG_FOLDER) inner.push(folder.slice(0, -LOG_FOLDER.length));
    if (folder !== CHANGE_DATA && isHidden(name, prefixes)) return false;
    folders++;
    return true;
  };
  const files: ObjectMeta[] = [];
  for await (const meta of store.listAll('', enter)) {
    if (!isHidden(meta.path.slice(meta.path.lastIndexOf('/') + 1), [])) files.push(meta);
  }
  return { files: files.filter(({ path }) => !inner.some((table) => path.startsWith(table))), folders };
}

/** Keeps what commits removed after `cutoff`: a checkpoint may have dropped those tombstones already. */
export async function keepRecentlyRemoved(store: ObjectStore, kept: KeptFiles, cutoff: number): Promise<void> {
  for (const version of await listCommitVersions(store)) {
    const { actions } = await readCommit(store, version);
    for (const action of actions) if ('remove' in action && !isExpired(action.remove, cutoff)) kept.add(action.remove);
  }
}

/** Of a full listing, what nothing refers to: removed before `cutoff`, or never committed and older than it. */
export function unreferencedFiles(
  snapshot: Snapshot,
  files: readonly ObjectMeta[],
  { kept, cutoff }: { readonly kept: KeptFiles; readonly cutoff: number },
): ObjectMeta[] {
  // A tombstone without a time says nothing about when: the file's own time decides then.
  const expired = snapshot.tombstones.filter((file) => file.deletionTimestamp != null && isExpired(file, cutoff));
  const removed = new Set(expired.flatMap((file) => pathsBelow(snapshot, file)));
  return files.filter(({ path, modified }) => !kept.has(path) && (modified < cutoff || removed.has(path)));
}

async function readLastVacuum(store: ObjectStore): Promise<number | undefined> {
  try {
    const text = new TextDecoder().decode(await store.get(LAST_VACUUM));
    const version: unknown = JSON.parse(text).latestCommitVersionOutsideOfRetentionWindow;
    return typeof version === 'number' && Number.isSafeInteger(version) ? version : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    if (error instanceof LakeError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** Notes that the commits up to `version` have been dealt with; the next lite vacuum starts after it. */
export async function writeLastVacuum(store: ObjectStore, version: number): Promise<void> {
  const note = JSON.stringify({ latestCommitVersionOutsideOfRetentionWindow: version });
  await store.put(LAST_VACUUM, new TextEncoder().encode(note));
}

export interface RemovedByLog {
  readonly files: readonly ObjectMeta[];
  /** The last commit of those from the first on of which everything has expired; undefined when there is none. */
  readonly through: number | undefined;
}

/**
 * What the commits of the log removed before `cutoff` and is still there, without a listing of the table's folder. Throws
 * `VACUUM_LITE` when commits that might have removed files are gone from the log.
 */
export async function removedByLog(
  store: ObjectStore,
  snapshot: Snapshot,
  { kept, cutoff }: { readonly kept: KeptFiles; readonly cutoff: number },
): Promise<RemovedByLog> {
  const versions = (await listCommitVersions(store)).filter((version) => version <= snapshot.version);
  const last = await readLastVacuum(store);
  const first = versions[0] ?? snapshot.version + 1;
  if (first > (last ?? -1) + 1) {
    throw new LakeError(
      'VACUUM_LITE',
      `a lite vacuum needs the log from version ${(last ?? -1) + 1} on; it starts at ${first}`,
      {
        place: snapshot.path,
        hint: 'run a full vacuum: it lists the folder of the table instead',
        exitCode: 2,
      },
    );
  }
  const files = new Map<string, ObjectMeta>();
  let through: number | undefined;
  let whole = true;
  for (const version of versions.filter((v) => v > (last ?? -1))) {
    const { actions } = await readCommit(store, version);
    const at = (await store.findMeta(commitPath(version)))?.modified ?? 0;
    let expired = at <= cutoff;
    for (const action of actions) {
      if ('remove' in action && !isExpired(action.remove, cutoff)) expired = false;
      else if ('remove' in action || 'cdc' in action) {
        const tracked = 'remove' in action ? action.remove : action.cdc;
        for (const path of pathsBelow(snapshot, tracked)) {
          if (kept.has(path) || files.has(path)) continue;
          const meta = await store.findMeta(path);
          // A change data file has no tombstone: it is as old as its commit.
          if (meta !== undefined && ('remove' in action || at < cutoff)) files.set(path, meta);
        }
      }
    }
    whole &&= expired;
    if (whole) through = version;
  }
  return { files: [...files.values()], through };
}
