import { hash } from 'node:crypto';
import { eventTime } from '../../base/clock.js';
import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { type Fields, timestampOf } from '../fields.js';
import {
  parseRegister,
  type RegisterContent,
  type RegisterMetadata,
  RegisterProblem,
  renderRegister,
} from './register-content.js';
import { journalFolder, setAsideName } from './register-name.js';
import { countingRecord, type RegisterRecord } from './register-record.js';

type Records = ReadonlyMap<string, RegisterRecord>;

/** What the file and the journal of a register say together. */
export interface RegisterView {
  readonly metadata: RegisterMetadata;
  readonly rest: Fields;
  readonly records: Records;
  /** Objects of the journal that are in it, by name. */
  readonly parts: ReadonlyMap<string, RegisterContent>;
  /** Records of the journal that the file does not have. */
  readonly pending: number;
  /** What the file alone says. */
  readonly file: RegisterContent | undefined;
}

const PART = /^[0-9a-f]{64}\.json$/;
/** Listings until one names nothing new; what a listing misses is in nobody's way. */
const LISTINGS = 10;
const NO_FIELDS: Fields = Object.freeze({});

/** A register or a part of its journal that cannot be read, with the place and the field. */
export class CorruptRegister extends Error {
  readonly path: string;
  readonly problem: RegisterProblem;
  readonly bytes: Uint8Array;

  constructor(path: string, problem: RegisterProblem, bytes: Uint8Array) {
    super(problem.message);
    this.path = path;
    this.problem = problem;
    this.bytes = bytes;
  }
}

function corruptError(root: string, { path, problem }: CorruptRegister, hint: string): LakeError {
  const field = problem.field === null ? '' : `${problem.field}: `;
  return new LakeError('REGISTER_CORRUPT', `the register cannot be read: ${field}${problem.message}`, {
    place: `${root}/${path}:${problem.line}`,
    hint,
    exitCode: EXIT.data,
    cause: problem,
  });
}

/** Undefined when the object is not there. */
async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof LakeError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function merged(all: Iterable<Records>): Records {
  const records = new Map<string, RegisterRecord>();
  for (const some of all) {
    for (const [key, record] of some) {
      const known = records.get(key);
      records.set(key, known === undefined ? record : countingRecord(known, record));
    }
  }
  return records;
}

/** The metadata that every reader of the same parts chooses: those of the register that was made first. */
function oldestMetadata(contents: Iterable<RegisterContent>): RegisterMetadata | undefined {
  const rank = ({ ts_created, etl_version, process, root_dir }: RegisterMetadata) =>
    JSON.stringify([timestampOf(ts_created), ts_created, etl_version, process, root_dir]);
  return [...contents].map(({ metadata }) => metadata).sort((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
}

/**
 * The objects of one register: the file that people and tools read, and its journal `.<name>.journal/<SHA-256 of the bytes>.json`.
 *
 * An object of the journal is a small register. It is written once under the hash of its bytes and never changed, and it is deleted only by
 * a process that has read it and has made durable, in the journal, another object with all of its records. So what the journal says
 * together only grows, whoever writes, stops, wakes up or dies; no lock is needed. The file is a copy of it: a late writer may put
 * an older copy, which the next one completes.
 */
export class RegisterFiles {
  readonly name: string;
  readonly store: ObjectStore;
  readonly #folder: string;
  readonly #parts = new Map<string, RegisterContent>();
  #last: { readonly bytes: Uint8Array; readonly content: RegisterContent } | undefined;

  constructor(store: ObjectStore, name: string) {
    this.store = store;
    this.name = name;
    this.#folder = journalFolder(name);
  }

  /**
   * What the register says now; undefined when there is neither a file nor a journal. Writes nothing.
   * Rejects with a `CorruptRegister` when one of its objects cannot be read.
   */
  async inspect(): Promise<RegisterView | undefined> {
    await this.#readJournal();
    const file = await this.#readFile();
    const metadata = file?.metadata ?? oldestMetadata(this.#parts.values());
    if (metadata === undefined) return undefined;
    const contents = file === undefined ? [...this.#parts.values()] : [file, ...this.#parts.values()];
    const records = merged(contents.map((content) => content.records));
    let pending = 0;
    for (const [key, record] of records) if (file?.records.get(key) !== record) pending++;
    return {
      metadata: Object.freeze({ ...metadata, total_records: records.size }),
      rest: file?.rest ?? NO_FIELDS,
      records,
      parts: new Map(this.#parts),
      pending,
      file,
    };
  }

  /**
   * The same; rejects with a `LakeError` of code `REGISTER_CORRUPT` that names file, line and field. The bytes of a corrupt file are then kept
   * aside, once; the file itself stays as it is.
   */
  read(): Promise<RegisterView | undefined> {
    return this.#refusing(() => this.inspect());
  }

  /** Makes an empty register unless there is a file. */
  async create(metadata: RegisterMetadata): Promise<void> {
    await this.store.putIfAbsent(this.name, renderRegister({ metadata, records: new Map(), rest: NO_FIELDS }));
  }

  /** Writes the file anew, durably and atomically. `now` in milliseconds; the time of the file never goes back. */
  async publish(view: RegisterView, now: number): Promise<void> {
    const [, latest = ''] = [timestampOf(view.metadata.ts_updated), eventTime(now)].sort();
    const metadata = Object.freeze({ ...view.metadata, ts_updated: latest });
    const content = { metadata, records: view.records, rest: view.rest };
    const bytes = renderRegister(content);
    await this.store.put(this.name, bytes);
    // Most often the next read finds these bytes, and need not parse them.
    this.#last = { bytes, content };
  }

  /** Puts records into the journal: they are durable then. */
  async append(metadata: RegisterMetadata, records: readonly RegisterRecord[]): Promise<void> {
    const one = (record: RegisterRecord) => new Map([[record.checksum, record]]);
    await this.#refusing(() => this.#putPart(metadata, merged(records.map(one))));
  }

  /**
   * Makes one object of the journal's objects that `view` was read from. Two processes that make the same records one must give them the same
   * name, or each would delete what the other has made: so the metadata come from the journal, and those that were made first count.
   */
  async compact({ metadata, parts, records }: RegisterView): Promise<void> {
    const oldest = oldestMetadata(parts.values()) ?? metadata;
    const whole = await this.#refusing(() => this.#putPart(oldest, records));
    for (const part of parts.keys()) if (part !== whole) await this.store.delete(`${this.#folder}/${part}`);
  }

  /** The same records give the same bytes and so the same name: who puts them twice puts them once. */
  async #putPart(metadata: RegisterMetadata, records: Records): Promise<string> {
    const { process, etl_version, root_dir, ts_created } = metadata;
    const total_records = records.size;
    const own = { process, etl_version, root_dir, total_records, ts_created, ts_updated: ts_created };
    const content = { metadata: own, records, rest: NO_FIELDS };
    const bytes = renderRegister(content);
    const name = `${hash('sha256', bytes)}.json`;
    const path = `${this.#folder}/${name}`;
    if (!(await this.store.putIfAbsent(path, bytes))) {
      await this.#readPart(name);
      // Who put it may not have made it durable yet.
      await ifPresent(this.store.sync([path]));
    }
    this.#parts.set(name, content);
    return name;
  }

  async #readJournal(): Promise<void> {
    for (let listing = 0; listing < LISTINGS; listing++) {
      const paths = await this.store.list(this.#folder);
      const names = new Set(paths.map((path) => path.slice(this.#folder.length + 1)).filter((name) => PART.test(name)));
      const fresh = [...names].filter((name) => !this.#parts.has(name));
      for (const name of fresh) await this.#readPart(name);
      if (fresh.length > 0) continue;
      for (const name of this.#parts.keys()) if (!names.has(name)) this.#parts.delete(name);
      return;
    }
  }

  /** An object that is gone has its records in another one, which the next listing names. */
  async #readPart(name: string): Promise<void> {
    const path = `${this.#folder}/${name}`;
    const bytes = await ifPresent(this.store.get(path));
    if (bytes === undefined) return;
    if (`${hash('sha256', bytes)}.json` !== name) {
      throw new CorruptRegister(path, new RegisterProblem(1, null, 'its bytes are not those that were written'), bytes);
    }
    this.#parts.set(name, this.#parsed(path, bytes));
  }

  async #readFile(): Promise<RegisterContent | undefined> {
    const bytes = await ifPresent(this.store.get(this.name));
    if (bytes === undefined) return undefined;
    if (this.#last !== undefined && Buffer.compare(this.#last.bytes, bytes) === 0) return this.#last.content;
    const content = this.#parsed(this.name, bytes);
    this.#last = { bytes, content };
    return content;
  }

  #parsed(path: string, bytes: Uint8Array): RegisterContent {
    try {
      return parseRegister(bytes);
    } catch (error) {
      if (error instanceof RegisterProblem) throw new CorruptRegister(path, error, bytes);
      throw error;
    }
  }

  async #refusing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof CorruptRegister ? await this.#refuse(error) : error;
    }
  }

  async #refuse(corrupt: CorruptRegister): Promise<LakeError> {
    const { root } = this.store;
    if (corrupt.path !== this.name) {
      const hint =
        'bring the file back from a copy, or move it away: its records are then those that the register itself has';
      return corruptError(root, corrupt, hint);
    }
    const copy = setAsideName(this.name, hash('sha256', corrupt.bytes));
    const what = `put the file right, or move it away: it is then made anew from ${this.#folder}`;
    try {
      await this.store.putIfAbsent(copy, corrupt.bytes);
      return corruptError(root, corrupt, `${what}; its bytes are kept as ${copy}`);
    } catch (error) {
      return corruptError(root, corrupt, `${what}; a copy of it could not be made (${messageOf(error)})`);
    }
  }
}
