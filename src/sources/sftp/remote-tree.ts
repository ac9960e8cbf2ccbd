import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileEntryWithStats, Stats } from 'ssh2';
import { BAD_NAME, type FileState, type FileTree, type TreeEntry } from '../arrivals/file-tree.js';
import { STATUS, sftpUnreadable, statusOf } from './errors.js';
import type { SftpLink } from './link.js';

/** Questions that are open at the same time: servers answer them in one go, and refuse too many. */
const AT_ONCE = 32;

/** Attributes are optional (draft-ietf-secsh-filexfer-02, section 5). */
function kindOf(stats: Stats): TreeEntry['kind'] {
  if ((stats.mode as number | undefined) === undefined || stats.isFile()) return 'file';
  if (stats.isSymbolicLink()) return 'link';
  return stats.isDirectory() ? 'folder' : 'other';
}

/** What the attributes of something say that is no link. */
export function stateOf(stats: Stats): FileState {
  const kind = kindOf(stats);
  const { size, mtime }: Partial<Stats> = stats;
  const known = { kind: kind === 'link' ? ('other' as const) : kind, size: size ?? 0, modified: (mtime ?? 0) * 1000 };
  if (size !== undefined && mtime !== undefined) return known;
  return { ...known, problem: 'the server does not tell its size and its time of change' };
}

function isThere(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/** Runs `AT_ONCE` of the calls at the same time and the others in their order. */
function inTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running < AT_ONCE) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

/** The files of a server, as one link sees them. Rejects with code `SOURCE_UNREADABLE` what the server does not give. */
export function remoteTree(link: SftpLink, signal: AbortSignal | undefined): FileTree {
  const turn = inTurns();
  const seen = new Set<string>();

  const stat = (location: string): Promise<FileState | undefined> =>
    turn(async () => {
      try {
        return stateOf(await link.stat(location));
      } catch (error) {
        if (statusOf(error) === STATUS.noSuchFile) return undefined;
        throw link.isAlive ? sftpUnreadable(link.place(location), 'read', error) : error;
      }
    });

  /** What a link leads to; it is no reason to stop when that is forbidden. */
  const linkState = async (location: string): Promise<FileState | null> => {
    try {
      return (await stat(location)) ?? null;
    } catch (error) {
      if (!link.isAlive) throw error;
      return { kind: 'file', size: 0, modified: 0, problem: 'the server does not say what this link leads to' };
    }
  };

  const entryOf = async (folder: string, { filename: name, attrs }: FileEntryWithStats): Promise<TreeEntry> => {
    const kind = kindOf(attrs);
    const location = posix.join(folder, name);
    if (kind === 'link') return { name, kind, state: await linkState(location) };
    if (name.includes(BAD_NAME)) return { name, kind };
    if (kind === 'file') seen.add(location);
    return { name, kind, state: stateOf(attrs) };
  };

  const list = async (folder: string): Promise<readonly TreeEntry[]> => {
    let entries: readonly FileEntryWithStats[];
    try {
      entries = await turn(() => link.readFolder(folder));
    } catch (error) {
      if (statusOf(error) === STATUS.noSuchFile && !folder.includes(BAD_NAME)) return [];
      throw link.isAlive ? sftpUnreadable(link.place(folder), 'list', error) : error;
    }
    return Promise.all(entries.filter(({ filename }) => isThere(filename)).map((entry) => entryOf(folder, entry)));
  };

  const realPath = async (location: string): Promise<string> => {
    try {
      return await turn(() => link.realPath(location));
    } catch (error) {
      throw link.isAlive ? sftpUnreadable(link.place(location), 'list', error) : error;
    }
  };

  return {
    paths: posix,
    // SFTP tells times in whole seconds.
    timeStepMs: 1000,
    placeOf: (location) => link.place(location),
    list,
    stat,
    isFile: async (location) => seen.has(location) || (await stat(location))?.kind === 'file',
    realPath,
    wait: async (ms) => {
      await delay(ms, undefined, { signal });
    },
  };
}
