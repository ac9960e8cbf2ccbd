import { EXIT, LakeError, messageOf, usageError } from '../../base/lake-error.js';
import { isDate } from '../../manifest/timestamp.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { limiter } from './limiter.js';
import { compareRuns, parseRunManifest, type RunManifest, type RunManifestProblem } from './run-manifest.js';

const FOLDER = '_manifests';
/** Calls to the store that are under way at the same time. */
const CONCURRENT = 32;
const SOURCE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
/** Folders and name in the path of a manifest. */
const PARTS = 4;
const PLAIN = /[A-Za-z0-9_.-]/;

/** What the manifests of one source say of one date. */
export interface DateRuns {
  readonly source: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** The latest last. */
  readonly manifests: readonly RunManifest[];
  /** Manifests that are there and cannot be used. */
  readonly problems: readonly RunManifestProblem[];
}

/**
 * Whether a date has to be run. `unreadable`: nothing readable says that it succeeded, but something cannot be read; it is run then (seed 003, "fails
 * open"), and `places` are to be told.
 */
export type SkipState =
  | { readonly state: 'succeeded'; readonly manifest: RunManifest }
  | { readonly state: 'not_succeeded' }
  | { readonly state: 'unreadable'; readonly places: readonly string[] };

/** Whether a file of the folder of a date is a manifest. Names that start with a dot are files that somebody is writing. */
function isManifest(path: string): boolean {
  return /\/[^./][^/]*\.json$/.test(path);
}

/** Any byte that is not plain as `%XX`, so that every run id is the name of a file. */
function encodeRunId(runId: string): string {
  return [...Buffer.from(runId)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function sourceFolder(source: string): string {
  if (!SOURCE_NAME.test(source)) {
    throw usageError(`"${source}" cannot be the name of a source`, { hint: 'use letters, digits, _, . and -' });
  }
  return `${FOLDER}/source=${source}`;
}

function dateFolder(source: string, date: string): string {
  if (!isDate(date)) throw usageError(`"${date}" is no date`, { hint: 'write it as 2026-03-31' });
  return `${sourceFolder(source)}/ingest_date=${date}`;
}

function pathOf({ source, date, runId }: { source: string; date: string; runId: string }): string {
  if (runId === '') throw usageError('the id of a run must not be empty');
  return `${dateFolder(source, date)}/run_id=${encodeRunId(runId)}.json`;
}

/** A manifest belongs where it lies; one that was moved says nothing about the date that it was moved to. */
function misplaced(manifest: RunManifest, place: string): RunManifestProblem | undefined {
  const { source, ingest_date: date, run_id: runId } = manifest;
  const own = `source=${source}/ingest_date=${date}/run_id=${encodeRunId(runId)}.json`;
  return place === `${FOLDER}/${own}` ? undefined : { place, problem: `it is the manifest of ${own}` };
}

/** Whether the date of these runs has succeeded. A failure after a success does not undo it (Decision 5). */
export function skipStateOf({ manifests, problems }: DateRuns): SkipState {
  const manifest = manifests.findLast(({ status }) => status === 'success');
  if (manifest !== undefined) return { state: 'succeeded', manifest };
  if (problems.length === 0) return { state: 'not_succeeded' };
  return { state: 'unreadable', places: problems.map(({ place }) => place) };
}

/**
 * The run manifests of a lake: `_manifests/source=…/ingest_date=…/run_id=….json`, one file per run, source and date (seed 003). They are only
 * ever added, and are all that the resuming of runs rests on. What cannot be read is a value; a folder that cannot be listed is an error (`STORAGE`).
 */
export class RunManifests {
  readonly #store: ObjectStore;
  readonly #bounded = limiter(CONCURRENT);

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * Writes a manifest durably and returns its path. The same content again changes nothing. Throws `RUN_MANIFEST` when another one of this run is
   * there already, or when the content would not be read as it is.
   */
  async write(manifest: RunManifest): Promise<string> {
    const path = pathOf({ source: manifest.source, date: manifest.ingest_date, runId: manifest.run_id });
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    const read = parseRunManifest(text, path);
    if ('problem' in read) throw new LakeError('RUN_MANIFEST', `no run manifest: ${read.problem}`, { place: path });
    const bytes = Buffer.from(text);
    if (await this.#store.putIfAbsent(path, bytes)) return path;
    if (bytes.equals(await this.#store.get(path))) return path;
    throw new LakeError(
      'RUN_MANIFEST',
      `the run "${manifest.run_id}" has a manifest for ${manifest.ingest_date} already`,
      {
        place: path,
        hint: 'a run id is used once; give another one or none',
        exitCode: EXIT.usage,
      },
    );
  }

  /** Names of the sources that have manifests, sorted. */
  async sources(): Promise<string[]> {
    const folders = await this.#store.listFolders(FOLDER);
    return folders.flatMap((name) => {
      const source = /^source=(.+)$/.exec(name)?.[1];
      return source !== undefined && SOURCE_NAME.test(source) ? [source] : [];
    });
  }

  /** The dates that a source has manifests of, sorted. */
  async dates(source: string): Promise<string[]> {
    const folders = await this.#bounded(() => this.#store.listFolders(sourceFolder(source)));
    return folders.flatMap((name) => {
      const date = /^ingest_date=(.+)$/.exec(name)?.[1];
      return date !== undefined && isDate(date) ? [date] : [];
    });
  }

  /** What there is of a source and date. At most 32 files are read at the same time, whoever asks for them. */
  async read(source: string, date: string): Promise<DateRuns> {
    const folder = dateFolder(source, date);
    const paths = await this.#bounded(() => this.#store.list(folder));
    return this.#readPaths({ source, date }, paths.filter(isManifest));
  }

  /** What there is of every date of a source between two, both included, oldest first. One listing tells which files there are. */
  async readAll(
    source: string,
    { from = '', to = '9999-12-31' }: { readonly from?: string; readonly to?: string } = {},
  ): Promise<readonly DateRuns[]> {
    const folder = sourceFolder(source);
    const dateOf = (path: string) => /^ingest_date=([^/]+)/.exec(path.slice(folder.length + 1))?.[1] ?? '';
    const wanted = (path: string) => isDate(dateOf(path)) && dateOf(path) >= from && dateOf(path) <= to;
    const byDate = new Map<string, string[]>();
    for await (const { path } of this.#store.listAll(folder, wanted)) {
      const date = dateOf(path);
      if (!wanted(path) || path.split('/').length !== PARTS || !isManifest(path)) continue;
      const some = byDate.get(date);
      if (some === undefined) byDate.set(date, [path]);
      else some.push(path);
    }
    const found = await Promise.all(
      [...byDate].map(([date, paths]) => this.#readPaths({ source, date }, paths.sort())),
    );
    return found.sort((a, b) => (a.date < b.date ? -1 : 1));
  }

  /** Whether a run has its manifest. */
  async has(source: string, date: string, runId: string): Promise<boolean> {
    return (await this.#store.findMeta(pathOf({ source, date, runId }))) !== undefined;
  }

  /** Whether a date has to be run; see `SkipState`. */
  async skipCheck(source: string, date: string): Promise<SkipState> {
    return skipStateOf(await this.read(source, date));
  }

  async #readPaths(of: Pick<DateRuns, 'source' | 'date'>, paths: readonly string[]): Promise<DateRuns> {
    const found = await Promise.all(paths.map((path) => this.#bounded(() => this.#readOne(path))));
    return {
      ...of,
      manifests: found.flatMap((one) => ('problem' in one ? [] : [one])).sort(compareRuns),
      problems: found.flatMap((one) => ('problem' in one ? [one] : [])),
    };
  }

  async #readOne(path: string): Promise<RunManifest | RunManifestProblem> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#store.get(path);
    } catch (error) {
      return { place: path, problem: messageOf(error) };
    }
    const read = parseRunManifest(Buffer.from(bytes).toString(), path);
    return 'problem' in read ? read : (misplaced(read, path) ?? read);
  }
}
