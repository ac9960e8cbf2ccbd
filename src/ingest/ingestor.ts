import { resolve } from 'node:path';
import { LakeError, usageError } from '../base/lake-error.js';
import type { FormatOptions } from '../sources/formats/index.js';
import { adHocSource, type ResolvedSource, type SourceOverrides } from './config/source-config.js';
import type { IngestHooks } from './ingest.js';
import type { Transform } from './load/batch-rows.js';
import type { FileEvent } from './model.js';
import type { FileResult, IngestRequest, IngestResult } from './result.js';

/** What an ingestor needs of a lake. */
export interface IngestingLake {
  ingest(request: IngestRequest, hooks?: IngestHooks): Promise<IngestResult>;
  fileEvents(filter: { readonly source?: string; readonly target?: string }): Promise<readonly FileEvent[]>;
}

export interface IngestorOptions extends SourceOverrides {
  readonly lake: IngestingLake;
  /** The bronze table, `schema.table`. */
  readonly target: string;
  /** Name of the source in the ledger; default: that of the target. */
  readonly source?: string;
  /** Relative paths start here; default: the working folder. */
  readonly cwd?: string;
}

export interface IngestStats {
  readonly processed: number;
  readonly skipped: number;
  readonly failed: number;
}

/** A file of a batch: what became of it. */
export type BatchEntry =
  | { readonly file: string; readonly uri: string; readonly row_count: number; readonly status: string }
  | { readonly file: string; readonly error: string };

/**
 * Files into one bronze table, each exactly once (seeds 004 and 002). Content is known by the SHA-256 of its bytes, rows and state are
 * committed so that a crash at any moment neither loses nor doubles them, and a rerun skips what is there.
 */
export class Ingestor {
  readonly #options: IngestorOptions;

  constructor(options: IngestorOptions) {
    this.#options = options;
  }

  /** Loads one file. True when it was loaded, false when it was skipped. Throws the error of a file that failed. */
  async ingestFile(path: string, transform?: Transform): Promise<boolean> {
    const { files } = await this.#ingest([path], { transform });
    const [file] = files;
    if (file === undefined) throw usageError(`there is no file ${path}`, { place: path });
    if (file.error !== null) throw errorOf(file);
    return file.version !== null;
  }

  /** Loads a CSV file, whatever its name is. */
  ingestCsvFile(path: string): Promise<boolean> {
    return this.#ingestAs('csv', path);
  }

  /** Loads a JSON file (array, one object, NDJSON), whatever its name is. */
  ingestJsonFile(path: string): Promise<boolean> {
    return this.#ingestAs('json', path);
  }

  /** Loads the files of a folder and of those below it. One that fails does not stop the others. */
  async ingestDirectory(directory: string, transform?: Transform): Promise<IngestStats> {
    const { processed, skipped, failed } = await this.#ingest([directory], { transform });
    return { processed, skipped, failed };
  }

  /** Loads the files of a folder that match a pattern, and says what became of each. */
  async batchIngestFiles(directory: string, pattern = '*'): Promise<readonly BatchEntry[]> {
    const { files } = await this.#ingest([`${directory}/${pattern}`], {});
    return files.map(
      (file): BatchEntry =>
        file.error === null
          ? { file: file.path, uri: this.#options.target, row_count: file.rows, status: file.status ?? 'SKIPPED' }
          : { file: file.path, error: file.error },
    );
  }

  /** Whether these bytes are in the table; `sha` is their SHA-256, hex. */
  async hasChecksum(sha: string): Promise<boolean> {
    return (await this.#loads()).some((event) => event.sha === sha.toLowerCase());
  }

  /** The newest load of a path, if it was ever loaded. */
  async getRecordBySource(path: string): Promise<FileEvent | undefined> {
    const identity = resolve(this.#options.cwd ?? '.', path);
    return (await this.#loads()).findLast((event) => event.path === identity);
  }

  async #loads(): Promise<readonly FileEvent[]> {
    const { lake, target, source = target } = this.#options;
    const events = await lake.fileEvents({ source, target });
    return events.filter(({ status }) => status === 'INGESTED' || status === 'REPROCESSED');
  }

  #ingestAs(format: FormatOptions['format'], path: string): Promise<boolean> {
    const asked = new Ingestor({ ...this.#options, format: { ...this.#options.format, ...(format && { format }) } });
    return asked.ingestFile(path);
  }

  #ingest(
    files: readonly string[],
    { transform }: { readonly transform?: Transform | undefined },
  ): Promise<IngestResult> {
    const source = this.#source(files);
    const hooks = transform === undefined ? {} : { transforms: { [source.name]: transform } };
    return this.#options.lake.ingest({ sources: [source] }, hooks);
  }

  #source(files: readonly string[]): ResolvedSource {
    const { lake: _, target, source, cwd = process.cwd(), ...options } = this.#options;
    const made = adHocSource({ files, into: target, cwd, options });
    return source === undefined ? made : { ...made, name: source };
  }
}

function errorOf(file: FileResult): LakeError {
  return new LakeError(file.error_code ?? 'INGEST', file.error ?? 'the file failed', {
    place: file.path,
    exitCode: 1,
    retryable: file.next_retry_at !== null,
    ...(file.hint === null ? {} : { hint: file.hint }),
  });
}
