import { backoff, type Clock, eventTime, sleep } from '../../base/clock.js';
import { EXIT, LakeError, usageError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { FieldProblem, type Fields, shaOf } from '../fields.js';
import { checkMetadata, type RegisterMetadata } from './register-content.js';
import { RegisterFiles, type RegisterView } from './register-files.js';
import { parseRegisterName, type RegisterName } from './register-name.js';
import { compareRecords, isSameRecord, newRecord, type RegisterRecord } from './register-record.js';

/** A kind of register. */
export interface RegisterType {
  /** Fields that every new record must have, if only as null, beside those that every register asks for. */
  readonly required: readonly string[];
}

/** Where a file comes from (seed 001, `ETLSource`). */
export interface RegisterSource {
  readonly source_id: string;
  readonly dataset: string;
  /** What was known before the download. */
  readonly state?: { readonly last_etag?: string | null | undefined } | null | undefined;
}

/** A download that succeeded (seed 001, `DownloadEvent`). */
export interface DownloadEvent {
  /** SHA-256 of the bytes, 64 hexadecimal digits. */
  readonly sha256: string;
  readonly file_path: string;
  /** Above 0. */
  readonly file_size_bytes: number;
  readonly etag?: string | null | undefined;
  /** A time, or its ISO 8601 text. */
  readonly ts_download_completed: string | Date;
  /** Further fields of the record; none of those that every record has. */
  readonly more?: Fields | undefined;
}

export interface ManagerOptions {
  /** The folder of the registers. */
  readonly store: ObjectStore;
  /** `<domain>_<process>.manifest.json`. */
  readonly name: string;
  readonly type: RegisterType;
  /** Version of the code that writes: of a new register, and of every new record. */
  readonly etlVersion: string;
  /** What a new register has as its `process`; default: the process in the name. */
  readonly process?: string | undefined;
  readonly clock: Clock;
  /** Objects of the journal until they are made one. */
  readonly journalLimit: number;
  readonly onClose: () => void;
}

/** What `update` did, and the record that counts now. `older`: the register has a newer one, and nothing was written. */
export interface RegisterUpdate {
  readonly outcome: 'added' | 'replaced' | 'unchanged' | 'older';
  readonly record: RegisterRecord;
}

/** Attempts to complete the file while others write it; the journal has everything before the first. */
const ATTEMPTS = 20;

/** An ETag as it is compared (RFC 9110 §8.8.3.2, weak comparison), also without its quotes. */
function opaqueTag(etag: string): string {
  return etag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
}

/**
 * One register `<domain>_<process>.manifest.json` (seed 001): which files there are, by SHA-256. What is read is what the register said when
 * it was opened, refreshed or written last. Any number of processes may write it at once, and be killed: what `addFromEvent`
 * returned for stays, and the file is whole at every moment.
 *
 * Every method that reads or writes rejects with a `LakeError`: `REGISTER_CORRUPT` (exit code 1) when the register cannot be read,
 * `REGISTER_RECORD` (exit code 1) for a record that is none, and those of the store.
 */
export class RegisterManager {
  readonly #name: RegisterName;
  readonly #options: ManagerOptions;
  readonly #files: RegisterFiles;
  #view: RegisterView;
  #newest: ReadonlyMap<string, RegisterRecord> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting: RegisterRecord[] = [];
  #batch: Promise<void> | undefined;

  private constructor(options: ManagerOptions, files: RegisterFiles, view: RegisterView) {
    this.#name = parseRegisterName(options.name);
    this.#options = options;
    this.#files = files;
    this.#view = view;
  }

  /** Opens a register, or makes its skeleton; completes a file that lacks what the journal has. For one user per process: see `RegisterFactory`. */
  static async open(options: ManagerOptions): Promise<RegisterManager> {
    parseRegisterName(options.name);
    const files = new RegisterFiles(options.store, options.name);
    const manager = new RegisterManager(options, files, await readOrCreate(files, options));
    if (manager.#view.pending > 0) await manager.#exclusively(() => manager.#settle());
    return manager;
  }

  get name(): string {
    return this.#name.name;
  }

  get domain(): string {
    return this.#name.domain;
  }

  /** Where the register is, for people. */
  get place(): string {
    return `${this.#options.store.root}/${this.name}`;
  }

  get metadata(): RegisterMetadata {
    return this.#view.metadata;
  }

  /** Every record, oldest first. */
  records(): readonly RegisterRecord[] {
    return [...this.#view.records.values()].sort(compareRecords);
  }

  /** The newest record of a source by `ts_downloaded` (ties by checksum), or undefined. */
  getRecordBySource(sourceId: string): RegisterRecord | undefined {
    this.#newest ??= new Map(this.records().map((record) => [record.source_id, record]));
    return this.#newest.get(sourceId);
  }

  /** Whether content with this SHA-256 was ever registered; in any case of letters. */
  hasChecksum(sha256: string): boolean {
    return this.#view.records.has(sha256.trim().toLowerCase());
  }

  /**
   * Whether this ETag is that of the newest record of the source: what the server has is what we have. Compared weakly
   * (`W/"1"` is `"1"`, also without quotes); no ETag is never known.
   */
  hasEtag(sourceId: string, etag: string | null | undefined): boolean {
    const known = this.getRecordBySource(sourceId)?.etag ?? '';
    return known.trim() !== '' && etag !== null && etag !== undefined && opaqueTag(known) === opaqueTag(etag);
  }

  /**
   * Adds the record of a download and returns it when it is durable. Its ETag is that of the event, else `source.state.last_etag`. Of two
   * records of one content the newer counts. Adds that are made at once are written together.
   */
  async addFromEvent(source: RegisterSource, event: DownloadEvent): Promise<RegisterRecord> {
    const record = this.#newRecord({
      ...event.more,
      source_id: source.source_id,
      dataset: source.dataset,
      checksum: event.sha256,
      file_path: event.file_path,
      file_size: event.file_size_bytes,
      etag: event.etag ?? source.state?.last_etag ?? null,
      ts_downloaded: event.ts_download_completed,
      version: this.#options.etlVersion,
    });
    await this.#add(record);
    return record;
  }

  /**
   * Adds a record for the content `key` (its SHA-256) from fields, among which must be those that the register's type requires; what else
   * a record has is taken from the record that is there. A record is never changed: another one of the same content counts when its
   * `ts_downloaded` is later, and one with the same time is refused with code `REGISTER_RECORD`.
   */
  async update(key: string, fields: Fields): Promise<RegisterUpdate> {
    await this.refresh();
    const known = this.#view.records.get(shaOf(key));
    const missing = this.#options.type.required.filter((name) => fields[name] === undefined);
    if (missing.length > 0) throw this.#refused(missing[0] ?? null, `is missing (required are ${missing.join(', ')})`);
    if (shaOf(fields.checksum ?? key) !== shaOf(key)) throw this.#refused('checksum', `is not ${key}`);
    const record = this.#newRecord({ version: this.#options.etlVersion, ...known, ...fields, checksum: shaOf(key) });
    if (known !== undefined && known.ts_downloaded >= record.ts_downloaded) {
      if (isSameRecord(known, record)) return { outcome: 'unchanged', record: known };
      if (known.ts_downloaded > record.ts_downloaded) return { outcome: 'older', record: known };
      throw this.#refused(
        'ts_downloaded',
        'a record with this time is there and says something else; records are not changed',
      );
    }
    await this.#add(record);
    return { outcome: known === undefined ? 'added' : 'replaced', record };
  }

  /** Reads what other processes have written since. */
  refresh(): Promise<void> {
    return this.#exclusively(() => this.#refresh());
  }

  /** Writes the file anew with everything that the journal has, and `ts_updated`. */
  save(): Promise<void> {
    return this.#exclusively(() => this.#settle(true));
  }

  /** Waits for what is being written; the process may then open the register anew. */
  async close(): Promise<void> {
    this.#options.onClose();
    await this.#last;
  }

  #newRecord(fields: Fields): RegisterRecord {
    let record: RegisterRecord;
    try {
      record = newRecord(fields);
    } catch (error) {
      if (error instanceof FieldProblem) throw this.#refused(error.field, error.message);
      throw error;
    }
    const missing = this.#options.type.required.find((name) => record[name] === undefined);
    if (missing !== undefined) throw this.#refused(missing, 'is missing: the type of the register requires it');
    return record;
  }

  #refused(field: string | null, reason: string): LakeError {
    return new LakeError('REGISTER_RECORD', `this is no record of the register: ${field ?? 'the record'} ${reason}`, {
      place: this.place,
      exitCode: EXIT.data,
    });
  }

  /** One thing at a time; what failed before is nobody else's failure. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #add(record: RegisterRecord): Promise<void> {
    this.#waiting.push(record);
    this.#batch ??= this.#exclusively(async () => {
      const records = this.#waiting;
      this.#waiting = [];
      this.#batch = undefined;
      await this.#files.append(this.metadata, records);
      await this.#settle();
    });
    return this.#batch;
  }

  async #refresh(): Promise<void> {
    this.#view = await readOrCreate(this.#files, this.#options);
    this.#newest = undefined;
  }

  /**
   * Writes the file until it has all that the journal has. What is read after a write shows whether another process, which had read
   * before, has put an older copy in between.
   */
  async #settle(force = false): Promise<void> {
    const { clock, journalLimit } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // The others are writing too, and one of them may do it for all.
      if (attempt > 1) await sleep(backoff(clock, attempt, 100));
      await this.#refresh();
      if (this.#view.pending === 0 && !(force && attempt === 0)) break;
      await this.#files.publish(this.#view, clock.now());
    }
    if (this.#view.parts.size >= journalLimit) await this.#files.compact(this.#view);
  }
}

async function readOrCreate(files: RegisterFiles, options: ManagerOptions): Promise<RegisterView> {
  for (;;) {
    const view = await files.read();
    if (view !== undefined) return view;
    await files.create(skeleton(files, options));
  }
}

function skeleton({ name, store }: RegisterFiles, { process, etlVersion, clock }: ManagerOptions): RegisterMetadata {
  const now = eventTime(clock.now());
  try {
    return checkMetadata({
      process: process ?? parseRegisterName(name).process,
      etl_version: etlVersion,
      root_dir: store.root,
      total_records: 0,
      ts_created: now,
      ts_updated: now,
    });
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    throw usageError(`a register cannot be made with this: ${error.field} ${error.message}`, { place: name });
  }
}
