import { readSqlFile } from '../base/sql-file.js';
import type { Session } from '../duckdb/session.js';
import type { CanonicalManifest } from '../manifest/index.js';
import type { LedgerKey } from './tables.js';

/** Rows bound per statement: large enough to amortise the call, small enough to keep the JSON text short. */
const ROWS_PER_INSERT = 500;
const CHARACTERS_PER_INSERT = 1024 * 1024;
const ROWS_PER_RELEASE = 10_000;

/** The temporary table `incoming_manifest` of a session, filled a batch at a time. */
export class Staging {
  readonly #session: Session;
  readonly #byContent: boolean;
  #buffer: CanonicalManifest[] = [];
  #characters = 0;
  #staged = 0;
  #released = 0;

  constructor(session: Session, key: LedgerKey) {
    this.#session = session;
    this.#byContent = key === 'file_sha';
  }

  /** Manifests of the current batch. */
  get size(): number {
    return this.#staged + this.#buffer.length;
  }

  /** Empties the table for the next batch. */
  async begin(): Promise<void> {
    this.#buffer = [];
    this.#staged = 0;
    this.#released = 0;
    await this.#session.run(readSqlFile('ledger', 'create_incoming'));
  }

  async add(manifest: CanonicalManifest): Promise<void> {
    this.#buffer.push(manifest);
    this.#characters += manifest.manifest.length;
    if (this.#buffer.length >= ROWS_PER_INSERT || this.#characters >= CHARACTERS_PER_INSERT) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#buffer.length === 0) return;
    await this.#session.run(readSqlFile('ledger', 'stage_incoming'), {
      rows: JSON.stringify(this.#buffer),
      first_seq: this.#staged,
      by_content: this.#byContent,
    });
    this.#staged += this.#buffer.length;
    this.#buffer = [];
    this.#characters = 0;
    if (this.#staged - this.#released >= ROWS_PER_RELEASE) {
      this.#released = this.#staged;
      await this.#session.releaseMemory();
    }
  }
}
