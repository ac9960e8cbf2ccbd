import { LakeError, messageOf } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type Action, parseAction } from '../protocol/actions.js';
import { commitPath } from '../protocol/log-names.js';

/** One version of the log as its writer wrote it. */
export interface Commit {
  readonly version: number;
  readonly actions: readonly Action[];
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses the text of a commit. Throws `DELTA_LOG` naming file and line. */
function parseCommit(version: number, text: string, place: string): Commit {
  const actions: Action[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    try {
      const action = parseAction(JSON.parse(line));
      if (action !== undefined) actions.push(action);
    } catch (error) {
      throw new LakeError('DELTA_LOG', `a commit is damaged: ${messageOf(error)}`, {
        place: `${place}:${i + 1}`,
        hint: 'restore the file from a backup; nothing is read or written until then',
        cause: error,
      });
    }
  });
  return { version, actions };
}

/** Reads one commit. Throws `DELTA_LOG` when it is damaged, `NOT_FOUND` when it is absent. */
export async function readCommit(store: ObjectStore, version: number): Promise<Commit> {
  const path = commitPath(version);
  const place = store.location(path);
  const bytes = await store.get(path);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    throw new LakeError('DELTA_LOG', 'a commit is damaged: it is not UTF-8 text', { place, cause: error });
  }
  // A commit has at least one action; an empty file is a write that its store did not make atomic.
  if (text.trim() === '') throw new LakeError('DELTA_LOG', 'a commit is damaged: the file is empty', { place });
  return parseCommit(version, text, place);
}
