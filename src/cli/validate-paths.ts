import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { LakeError, messageOf, usageError } from '../base/lake-error.js';
import type { ProgressEvent } from '../base/progress.js';
import { inspectCheck, parseCheckFile } from '../checks/index.js';
import { validateConfigFile } from '../config.js';
import { Session } from '../duckdb/session.js';
import { readManifests } from '../manifest/index.js';
import { CONFIG_NAMES } from './find-config.js';

/** One thing that is wrong. Line and column start at 1. */
export interface Problem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly field: string | null;
  readonly reason: string;
  readonly hint: string | null;
}

export interface ValidationResult {
  /** Manifests that are right. */
  readonly manifests: number;
  readonly configs: number;
  readonly checks: number;
  /** Problems found; `problems` holds the first 10,000. */
  readonly invalid: number;
  readonly problems: readonly Problem[];
}

export interface ValidateOptions {
  readonly stdin: Readable;
  readonly onProgress: (event: ProgressEvent) => void;
}

const KEPT = 10_000;
const CHECK_MARK = /\/\*\s*@check\b/;

/** Judges files by their names: `.sql` checks, `lakeledger.yaml` and other `.yaml` configurations, the rest manifests. */
export async function validatePaths(paths: readonly string[], options: ValidateOptions): Promise<ValidationResult> {
  const engine = new LazySession();
  const found = { manifests: 0, configs: 0, checks: 0, invalid: 0, problems: [] as Problem[] };
  const add = (problem: Problem) => {
    found.invalid++;
    if (found.problems.length < KEPT) found.problems.push(problem);
  };
  try {
    const files = await classify(paths);
    for (const file of files.configs) {
      const problems = await configProblems(file);
      if (problems.length === 0) found.configs++;
      problems.forEach(add);
    }
    for (const file of files.checks) {
      const problem = await findCheckProblem(file, engine);
      if (problem === undefined) found.checks++;
      else add(problem);
    }
    if (files.manifests.length > 0) {
      const items = readManifests(files.manifests, { stdin: options.stdin });
      for await (const chunk of items) {
        for (const item of chunk) {
          if ('manifest' in item) found.manifests++;
          else if (!files.isOther(item.rejection.file)) {
            const { file, line, field, reason } = item.rejection;
            add({ file, line, column: null, field, reason, hint: null });
          }
        }
        options.onProgress({ phase: 'read', done: found.manifests + found.invalid, unit: 'manifests' });
      }
    }
  } finally {
    engine.close();
  }
  return found;
}

/** An engine that is only started when a check needs it. */
class LazySession {
  #session: Promise<Session> | undefined;

  get(): Promise<Session> {
    this.#session ??= Session.open();
    return this.#session;
  }

  close(): void {
    this.#session?.then((session) => session.close()).catch(() => undefined);
  }
}

interface Files {
  readonly configs: readonly string[];
  readonly checks: readonly string[];
  /** Files, folders and globs for the manifest reader. */
  readonly manifests: readonly string[];
  /** Whether the manifest reader met a file in a folder that is something else. */
  isOther(file: string): boolean;
}

async function classify(paths: readonly string[]): Promise<Files> {
  const configs: string[] = [];
  const checks: string[] = [];
  const manifests: string[] = [];
  const others = new Set<string>();
  for (const path of paths) {
    const meta = path === '-' ? undefined : await stat(path).catch(() => undefined);
    if (meta?.isDirectory()) {
      const inside = await findOthers(path);
      configs.push(...inside.configs);
      checks.push(...inside.checks);
      for (const file of [...inside.configs, ...inside.locks]) others.add(file);
      if (inside.hasManifests || inside.configs.length + inside.checks.length === 0) manifests.push(path);
    } else if (meta !== undefined && extname(path) === '.sql') checks.push(path);
    else if (meta !== undefined && isConfig(path)) configs.push(path);
    else manifests.push(path);
  }
  return { configs, checks, manifests, isOther: (file) => others.has(join(file)) };
}

function isConfig(path: string): boolean {
  return (CONFIG_NAMES as readonly string[]).includes(basename(path)) || ['.yaml', '.yml'].includes(extname(path));
}

interface Inside {
  readonly configs: string[];
  readonly checks: string[];
  /** Lock files of checks: JSON, but no manifests. */
  readonly locks: string[];
  hasManifests: boolean;
}

async function findOthers(folder: string): Promise<Inside> {
  const found: Inside = { configs: [], checks: [], locks: [], hasManifests: false };
  let entries: string[];
  try {
    entries = (await readdir(folder, { recursive: true })).sort();
  } catch (error) {
    throw usageError(`cannot list the folder: ${messageOf(error)}`, { place: folder, cause: error });
  }
  for (const entry of entries) {
    if (/(^|[\\/])(node_modules|\.[^\\/]+)([\\/]|$)/.test(entry)) continue;
    const path = join(folder, entry);
    if ((CONFIG_NAMES as readonly string[]).includes(basename(entry))) found.configs.push(path);
    else if (extname(entry) === '.sql') {
      // Other SQL files may live beside checks; only one that says it is a check is judged as one.
      if (CHECK_MARK.test(await readFile(path, 'utf8').catch(() => ''))) found.checks.push(path);
    } else if (entry.endsWith('.lock.json')) found.locks.push(path);
    else if (/\.(json|ndjson|jsonl|parquet)(\.gz)?$/i.test(entry)) found.hasManifests = true;
  }
  return found;
}

async function configProblems(file: string): Promise<Problem[]> {
  try {
    const problems = await validateConfigFile(file);
    return problems.map(({ line, column, field, message, hint }) => ({
      file,
      line,
      column,
      field,
      reason: message,
      hint: hint ?? null,
    }));
  } catch (error) {
    return [problemOf(error, file)];
  }
}

async function findCheckProblem(file: string, engine: LazySession): Promise<Problem | undefined> {
  try {
    const check = parseCheckFile(await readFile(file, 'utf8'), file);
    await inspectCheck(await engine.get(), check);
    return undefined;
  } catch (error) {
    return problemOf(error, file);
  }
}

/** An error as a problem; its place may say `file:line`. */
function problemOf(error: unknown, file: string): Problem {
  const { place, hint } = error instanceof LakeError ? error : {};
  const line = /:(\d+)$/.exec(place ?? '')?.[1];
  return {
    file,
    line: line === undefined ? null : Number(line),
    column: null,
    field: null,
    reason: messageOf(error),
    hint: hint ?? null,
  };
}
