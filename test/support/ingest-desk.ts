import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import type { SqlParams } from '../../src/duckdb/session.js';
import type { SqlRow } from '../../src/duckdb/values.js';
import { type ResolvedSource, resolveSource, type SourceConfig } from '../../src/ingest/config/source-config.js';
import { verifyLake } from '../../src/ingest/verify/verify.js';
import type {
  FileEvent,
  FileResult,
  IngestHooks,
  IngestRequest,
  IngestResult,
  Lake,
  PlanResult,
} from '../../src/lake.js';
import { writerOf } from './bronze.js';
import { openLake } from './lake.js';
import { tempFolder } from './temp-folder.js';

/** The real files beside this checkout. */
export const REAL_FILES = fileURLToPath(new URL('../../../shared/data/data/', import.meta.url));
export const REAL_FACTS = fileURLToPath(new URL('../../../shared/data/facts.json', import.meta.url));
export const hasRealFiles = existsSync(REAL_FILES);
if (!hasRealFiles) console.log('skipped: the real files are not beside this checkout (../shared/data)');

/** A request without its sources. */
export type DeskRequest = Partial<IngestRequest> & { readonly hooks?: IngestHooks };

/** A lake beside a folder with files, and one source that reads them. */
export class Desk {
  readonly folder: string;
  readonly lake: Lake;
  readonly source: ResolvedSource;

  private constructor(folder: string, lake: Lake, source: ResolvedSource) {
    this.folder = folder;
    this.lake = lake;
    this.source = source;
  }

  /** Files are below `in/` unless `config` says otherwise, rows go to `bronze.t`. `files` is where the paths of the source start. */
  static async open(
    config: Partial<SourceConfig> = {},
    options: { readonly folder?: string; readonly clock?: Clock; readonly files?: string } = {},
  ): Promise<Desk> {
    const folder = options.folder ?? tempFolder();
    const root = join(folder, 'lake');
    const lake = await openLake({ root, ...(options.clock === undefined ? {} : { clock: options.clock }) });
    return new Desk(folder, lake, await sourceIn(options.files ?? folder, config));
  }

  /** The same lake with another source, or the same one with another configuration. */
  async with(config: Partial<SourceConfig>, name = 's'): Promise<Desk> {
    return new Desk(this.folder, this.lake, await sourceIn(this.folder, config, name));
  }

  at(name: string): string {
    return join(this.folder, 'in', name);
  }

  write(name: string, content: string | Uint8Array): this {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
    return this;
  }

  remove(name: string): this {
    rmSync(this.at(name), { recursive: true });
    return this;
  }

  ingest({ hooks, ...request }: DeskRequest = {}): Promise<IngestResult> {
    return this.lake.ingest({ sources: [this.source], ...request }, hooks);
  }

  plan(request: DeskRequest = {}): Promise<PlanResult> {
    return this.lake.plan({ sources: [this.source], ...request });
  }

  async events(): Promise<readonly FileEvent[]> {
    return this.lake.fileEvents({ source: this.source.name, target: this.source.target });
  }

  async rows(sql: string, params: SqlParams = {}): Promise<readonly SqlRow[]> {
    return (await this.lake.select(sql, { params })).rows;
  }

  /** Rows of the target by path. */
  async counts(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.rows(
      `SELECT _source_path AS path, count(*)::INTEGER AS n FROM ${this.source.target} GROUP BY ALL ORDER BY ALL`,
    );
    return Object.fromEntries(rows.map(({ path, n }) => [String(path).replace(/^in\//, ''), Number(n)]));
  }

  /** The version of every table of the lake. */
  async versions(): Promise<Readonly<Record<string, number>>> {
    const names = await this.lake.catalog.names();
    const versions = await Promise.all(
      names.map(
        async (name): Promise<[string, number]> => [name, (await this.lake.catalog.table(name).snapshot()).version],
      ),
    );
    return Object.fromEntries(versions);
  }

  /** What `verify --depth full` finds wrong. */
  async findings(): Promise<readonly unknown[]> {
    const deps = await writerOf(this.lake);
    const result = await verifyLake(deps, { depth: 'full', runId: 'verify', actor: 'test' });
    return result.findings
      .filter(({ level }) => level === 'error')
      .map(({ kind, path, message }) => [kind, path, message]);
  }

  /** Ledger, rows, raw copies and sources agree, nothing is open, and another run makes no commit. */
  async expectSettled(): Promise<void> {
    expect(await this.findings()).toEqual([]);
    const before = await this.versions();
    const again = await this.ingest();
    expect(again.files.filter(({ version }) => version !== null)).toEqual([]);
    expect(await this.versions()).toEqual(before);
  }
}

async function sourceIn(folder: string, config: Partial<SourceConfig>, name = 's'): Promise<ResolvedSource> {
  return resolveSource(name, { path: 'in/**', into: 'bronze.t', ...config }, { folder });
}

/** The result of a file by the end of its path. */
export function fileOf(result: IngestResult, path: string): FileResult {
  const file = result.files.find((one) => one.path.endsWith(path));
  if (file === undefined) throw new Error(`no result for ${path}`);
  return file;
}

/** What became of each file, in few words. */
export function endings(result: IngestResult): Readonly<Record<string, string>> {
  return Object.fromEntries(
    result.files.map(({ path, decision, rule, status, error_code: code }) => [
      path.replace(/^in\//, ''),
      [decision, rule, status ?? '-', ...(code === null ? [] : [code])].join(' '),
    ]),
  );
}

/** A clock that stands until it is moved. */
export class HandClock implements Clock {
  #now: number;

  constructor(now = Date.UTC(2026, 0, 5, 12)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  forward(ms: number): void {
    this.#now += ms;
  }
}
