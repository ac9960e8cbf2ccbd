import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { LakeError } from '../base/lake-error.js';
import { globMatcher } from './glob.js';
import { listFiles, type SourceFile } from './list-files.js';
import { ParquetRows } from './parquet-rows.js';
import { readSourceFile } from './read-source-file.js';

/** A file manifest of seed 000, with its keys in the order of that document. */
export interface FileManifest {
  readonly file_sha: string;
  readonly source: string;
  readonly path: string;
  readonly pull_ts_utc: string;
  readonly size_bytes: number;
  readonly row_count_estimate: number | null;
  readonly target_backend: string;
  readonly dest_path: string;
  readonly ingest_date: string;
  readonly status: string;
  readonly notes: string | null;
  readonly reprocess: boolean;
}

export interface ScanOptions {
  /** What `source` says; default: `owner/repo` of the remote `origin`, else the name of the folder. */
  readonly source?: string;
  /** Only paths (relative to the checkout or folder) that match; without `/` it is tried on names. */
  readonly glob?: string;
  /** Default `LOCAL`. */
  readonly targetBackend?: string;
  /** Default `INGESTED`. */
  readonly status?: string;
  /** How many files are read at once; default twice the processors. */
  readonly parallel?: number;
  /** Called after each file. */
  readonly onProgress?: (done: number, path: string) => void;
  /** Called for a file that cannot be read, which is then left out; without it the scan rejects. */
  readonly onProblem?: (problem: LakeError) => void;
}

/** Largest INT of Spark and Delta. */
const MAX_INT = 2_147_483_647;

function isoOf(ms: number): string {
  return new Date(Math.floor(ms)).toISOString().replace('.000Z', 'Z');
}

function manifestOf(file: SourceFile, found: Found, options: ScanOptions): FileManifest {
  const pulled = isoOf(file.committed === null ? found.modified : file.committed * 1000);
  const date = pulled.slice(0, 10);
  const { rows } = found;
  return {
    file_sha: found.sha,
    source: file.source,
    path: file.path,
    pull_ts_utc: pulled,
    size_bytes: found.size,
    row_count_estimate: rows !== null && rows <= MAX_INT ? rows : null,
    target_backend: options.targetBackend ?? 'LOCAL',
    dest_path: `bronze/github/${file.source}/ingest_date=${date}/file_sha=${found.sha}/${basename(file.path)}`,
    ingest_date: date,
    status: options.status ?? 'INGESTED',
    notes: found.note,
    reprocess: false,
  };
}

interface Found {
  readonly sha: string;
  readonly size: number;
  readonly modified: number;
  readonly rows: number | null;
  readonly note: string | null;
}

async function inspect(file: SourceFile, parquet: ParquetRows): Promise<Found> {
  const content = await readSourceFile(file.location, file.sha === null);
  const found = { ...content, sha: file.sha ?? content.sha ?? '' };
  if (!/\.parquet$/i.test(file.path)) return { ...found, note: null };
  const counted = await parquet.count(file.location);
  if ('rows' in counted) return { ...found, rows: counted.rows, note: null };
  return { ...found, note: `rows not counted: ${counted.problem}` };
}

/** Results in the order of `items`, with at most `limit` of them under way. */
async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = [];
  for await (const item of items) {
    const started = work(item);
    // A rejection is met when its turn comes; until then it must not count as unhandled.
    started.catch(() => undefined);
    running.push(started);
    if (running.length >= limit) yield await (running.shift() as Promise<R>);
  }
  for (const last of running) yield await last;
}

/**
 * File manifests of the files at `paths` (R4), in the order of the paths and of the files within each. In a git checkout: tracked files and untracked ones that are
 * not ignored, with git's blob id and the time of their last commit; a file that differs from git's has the id of its bytes and its own time. Elsewhere: all regular
 * files outside `.git`, with the blob id that git would give them. `size_bytes` is the size on disk. Memory does not grow with the size of files.
 *
 * Rejects with a usage error when a path does not exist.
 */
export async function* scanPaths(paths: readonly string[], options: ScanOptions = {}): AsyncGenerator<FileManifest> {
  const matches = options.glob === undefined ? () => true : globMatcher(options.glob);
  const parquet = new ParquetRows();
  let done = 0;
  const work = async (file: SourceFile): Promise<FileManifest | undefined> => {
    try {
      return manifestOf(file, await inspect(file, parquet), options);
    } catch (error) {
      if (options.onProblem === undefined || !(error instanceof LakeError)) throw error;
      options.onProblem(error);
      return undefined;
    }
  };
  try {
    const files = listFiles(paths, { matches, ...(options.source === undefined ? {} : { source: options.source }) });
    for await (const manifest of inOrder(files, options.parallel ?? 2 * availableParallelism(), work)) {
      done++;
      if (manifest === undefined) continue;
      options.onProgress?.(done, manifest.path);
      yield manifest;
    }
  } finally {
    await parquet.close();
  }
}
