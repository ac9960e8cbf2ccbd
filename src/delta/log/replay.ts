import { LakeError } from '../../base/lake-error.js';
import {
  type Action,
  type AddFile,
  canonicalPath,
  type DomainMetadata,
  deletionVectorId,
  fileKey,
  type Metadata,
  type Protocol,
  type RemoveFile,
  type Txn,
} from '../protocol/actions.js';

/** The actions of one file of the log, or of a checkpoint. */
export interface ReplayStep {
  readonly actions: readonly Action[];
  /** The file, for errors. */
  readonly place: string;
}

function twice(what: string, place: string): never {
  throw new LakeError('DELTA_LOG', `${what} is there twice in one commit`, {
    place,
    hint: 'the writer of this file broke the Delta protocol; restore the table to the version before it',
  });
}

/** Remembers what one commit has named, only once there is a reason to: nearly all commits name all files once. */
class Seen {
  #keys: Set<string> | undefined;

  /** Throws when `key` was among the first `index` files. */
  add(key: string, earlier: () => Iterable<string>, report: () => never): void {
    this.#keys ??= new Set(earlier());
    if (this.#keys.has(key)) report();
  }

  /** Keeps up with a commit once it has started to remember. */
  note(key: string): void {
    this.#keys?.add(key);
  }
}

/**
 * The actions that reconciliation keeps, while they are being reconciled (PROTOCOL.md, "Action Reconciliation"). Throws
 * `DELTA_LOG` for what no valid log holds: two actions for one thing in one commit, a file that gets a second deletion
 * vector beside its first.
 */
export class Replay {
  protocol: Protocol | undefined;
  metadata: Metadata | undefined;
  /** Of the commit that was applied last. */
  inCommitTimestamp: number | undefined;
  /** By path: a file is live with one deletion vector at most. */
  readonly files = new Map<string, AddFile>();
  /** By path and deletion vector. */
  readonly tombstones = new Map<string, RemoveFile>();
  readonly txns = new Map<string, Txn>();
  readonly domains = new Map<string, DomainMetadata>();

  apply({ actions, place }: ReplayStep): void {
    // One object for all actions: a checkpoint may hold a million of them.
    const first = this.files.size === 0;
    const commit: Commit = { actions, end: 0, place, first, adds: new Seen(), removes: new Seen(), replaced: [] };
    const once = new Set<string>();
    this.inCommitTimestamp = undefined;
    for (const action of actions) {
      if ('add' in action) this.#add(action.add, commit);
      else if ('remove' in action) this.#remove(action.remove, commit);
      else this.#other(action, once, place);
      commit.end += 1;
    }
    for (const file of commit.replaced) {
      if (this.tombstones.has(fileKey(file))) continue;
      throw new LakeError(
        'DELTA_LOG',
        `"${file.path}" is added with a second deletion vector, the first is not removed`,
        {
          place,
          hint: 'two writers changed one file without seeing each other; restore the table to the version before it',
        },
      );
    }
  }

  #add(add: AddFile, commit: Commit): void {
    const path = canonicalPath(add.path);
    if (commit.first) this.#addFirst(path, add, commit.place);
    else this.#addNext(path, add, commit);
    if (this.tombstones.size > 0) this.tombstones.delete(fileKey(add));
  }

  /** Of a checkpoint, say: a file that is live already is there twice. Looking each of them up first would cost as much again. */
  #addFirst(path: string, add: AddFile, place: string): void {
    const before = this.files.size;
    this.files.set(path, add);
    if (this.files.size === before) twice(`an "add" of "${add.path}"`, place);
  }

  #addNext(path: string, add: AddFile, commit: Commit): void {
    const live = this.files.get(path);
    if (live !== undefined) {
      commit.adds.add(
        path,
        () => paths(commit),
        () => twice(`an "add" of "${add.path}"`, commit.place),
      );
      if (deletionVectorId(live.deletionVector) !== deletionVectorId(add.deletionVector)) commit.replaced.push(live);
    }
    commit.adds.note(path);
    this.files.set(path, add);
  }

  #remove(remove: RemoveFile, commit: Commit): void {
    const key = fileKey(remove);
    if (this.tombstones.has(key)) {
      commit.removes.add(
        key,
        () => removedKeys(commit),
        () => twice(`a "remove" of "${remove.path}"`, commit.place),
      );
    }
    commit.removes.note(key);
    this.tombstones.set(key, remove);
    const path = canonicalPath(remove.path);
    const live = this.files.get(path);
    if (live !== undefined && deletionVectorId(live.deletionVector) === deletionVectorId(remove.deletionVector)) {
      this.files.delete(path);
    }
  }

  #other(action: Exclude<Action, { add: AddFile } | { remove: RemoveFile }>, once: Set<string>, place: string): void {
    const first = (kind: string, name = '') => {
      const key = `${kind}\u0000${name}`;
      if (once.has(key)) twice(name === '' ? `"${kind}"` : `a "${kind}" of "${name}"`, place);
      once.add(key);
    };
    if ('txn' in action) {
      first('txn', action.txn.appId);
      this.txns.set(action.txn.appId, action.txn);
    } else if ('domainMetadata' in action) {
      first('domainMetadata', action.domainMetadata.domain);
      this.domains.set(action.domainMetadata.domain, action.domainMetadata);
    } else if ('metaData' in action) {
      first('metaData');
      this.metadata = action.metaData;
    } else if ('protocol' in action) {
      first('protocol');
      this.protocol = action.protocol;
    } else if ('commitInfo' in action) {
      const time = action.commitInfo.inCommitTimestamp;
      if (Number.isSafeInteger(time)) this.inCommitTimestamp = time;
    }
  }
}

/** A commit while it is applied. */
interface Commit {
  readonly actions: readonly Action[];
  /** How many of its actions came before. */
  end: number;
  readonly place: string;
  /** No file was live before. */
  readonly first: boolean;
  readonly adds: Seen;
  readonly removes: Seen;
  /** Files that were live with another deletion vector: the same commit must remove them. */
  readonly replaced: AddFile[];
}

function* paths({ actions, end }: Commit): Generator<string> {
  for (const action of actions.slice(0, end)) if ('add' in action) yield canonicalPath(action.add.path);
}

function* removedKeys({ actions, end }: Commit): Generator<string> {
  for (const action of actions.slice(0, end)) if ('remove' in action) yield fileKey(action.remove);
}
