import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import { Session } from '../../src/duckdb/session.js';
import type { SqlRow } from '../../src/duckdb/values.js';
import { FileStage, type FormatOptions, type StagedFile } from '../../src/sources/formats/index.js';
import { tempFolder } from './temp-folder.js';

/** A stage with a session and folders of its own. */
export class TestStage {
  readonly session: Session;
  readonly stage: FileStage;
  readonly scratch: string;
  readonly folder: string;
  #no = 0;

  constructor(session: Session, folder: string, onProgress?: (bytes: number) => void) {
    this.session = session;
    this.folder = folder;
    this.scratch = join(folder, 'scratch [1]');
    mkdirSync(this.scratch);
    this.stage = new FileStage({ session, scratch: this.scratch, ...(onProgress === undefined ? {} : { onProgress }) });
  }

  /** Stages a file with this content. */
  async content(path: string, content: string | Uint8Array, options?: FormatOptions): Promise<StagedFile> {
    const location = join(this.folder, 'files', path);
    mkdirSync(dirname(location), { recursive: true });
    writeFileSync(location, content);
    return this.file(location, options, path);
  }

  file(location: string, options?: FormatOptions, path = location): Promise<StagedFile> {
    return this.stage.add({ no: this.#no++, location, path, size: statSync(location).size }, options);
  }

  /** The values of a staged file, row by row in order. */
  async values(no: number): Promise<(readonly unknown[])[]> {
    const group = (await this.stage.groups()).find(({ files }) => files.includes(no));
    if (group === undefined) return [];
    const rows = await this.session.rows(`SELECT * FROM (${group.relation}) WHERE _file_no = ${no} ORDER BY _row_no`);
    expect(rows.map((row) => Number(row['_row_no']))).toEqual(rows.map((_, i) => i + 1));
    return rows.map((row) => group.columns.map((_, i) => row[`c${i}`]));
  }

  async rejects(): Promise<readonly SqlRow[]> {
    const relation = this.stage.rejects();
    return relation === undefined ? [] : this.session.rows(`SELECT * FROM (${relation}) ORDER BY _file_no, line`);
  }

  /** Nothing of the stage is left. */
  async leftovers(): Promise<unknown> {
    const tables = await this.session.rows('SELECT table_name FROM duckdb_tables()');
    return { tables, files: readdirSync(this.scratch) };
  }
}

export async function openStage(onProgress?: (bytes: number) => void): Promise<TestStage> {
  const session = await Session.open();
  onTestFinished(() => session.close());
  return new TestStage(session, tempFolder(), onProgress);
}

/** The error of work that has to fail. */
export async function failure(work: Promise<unknown>): Promise<LakeError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LakeError);
  return error as LakeError;
}
