import { LakeError, messageOf } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Action, CommitInfo } from '../protocol/actions.js';
import { commitPath } from '../protocol/log-names.js';
import { parseAction, parseLine } from '../protocol/parse-action.js';

/** One version of the log as its writer wrote it. */
export interface Commit {
  readonly version: number;
  readonly actions: readonly Action[];
}

/** How many commits are asked of the store at once. */
const READ_AHEAD = 32;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text of a JSON file of the log; a byte order mark at its start is no part of it. Throws `DELTA_LOG` when it is no UTF-8. */
export function decodeLog(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new LakeError('DELTA_LOG', 'it is not UTF-8 text', { cause: error });
  }
}

function damaged(place: string, problem: string, cause?: unknown): LakeError {
  return new LakeError('DELTA_LOG', `a commit is damaged: ${problem}`, {
    place,
    hint: 'restore the file from a backup; nothing is read or written until then',
    cause,
  });
}

/** The actions in the text of a commit or of a log compaction file. Throws `DELTA_LOG` naming file and line. */
function parseActions(text: string, place: string): Action[] {
  const actions: Action[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    try {
      const action = parseAction(parseLine(line));
      if (action !== undefined) actions.push(action);
    } catch (error) {
      throw damaged(`${place}:${i + 1}`, messageOf(error), error);
    }
  });
  return actions;
}

/** Reads the actions of a file of JSON lines. Throws `DELTA_LOG` when it is damaged, `NOT_FOUND` when it is absent. */
export async function readActions(store: ObjectStore, path: string): Promise<Action[]> {
  const place = store.location(path);
  const bytes = await store.get(path);
  let text: string;
  try {
    text = decodeLog(bytes);
  } catch (error) {
    throw damaged(place, messageOf(error), error);
  }
  // A commit has at least one action; an empty file is a write that its store did not make atomic.
  if (text.trim() === '') throw damaged(place, 'the file is empty');
  return parseActions(text, place);
}

/** Reads one commit. Throws `DELTA_LOG` when it is damaged, `NOT_FOUND` when it is absent. */
export async function readCommit(store: ObjectStore, version: number): Promise<Commit> {
  return { version, actions: await readActions(store, commitPath(version)) };
}

/** Reads commits in the order of `versions`, some ahead of the one that is wanted. Throws like `readCommit`. */
export async function* readCommits(store: ObjectStore, versions: readonly number[]): AsyncGenerator<Commit> {
  for (let i = 0; i < versions.length; i += READ_AHEAD) {
    yield* await Promise.all(versions.slice(i, i + READ_AHEAD).map((version) => readCommit(store, version)));
  }
}

/** The `commitInfo` of a commit, or undefined when it has none (PROTOCOL.md, "Commit Provenance Information"). */
export function findCommitInfo(commit: Commit): CommitInfo | undefined {
  for (const action of commit.actions) if ('commitInfo' in action) return action.commitInfo;
  return undefined;
}
