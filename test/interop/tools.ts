import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session } from '../../src/duckdb/session.js';
import { tableIn } from '../support/delta.js';
import { findPython } from './delta-rs.js';
import { type Plain, plain, sorted } from './rows.js';
import { type CreateStep, forgetOldLog, type Step, wireStep } from './steps.js';
import { startWorker, ToolError, type Worker } from './worker.js';

export type ToolName = 'Spark' | 'delta-rs' | 'kernel';
export const TOOLS: readonly ToolName[] = ['Spark', 'delta-rs', 'kernel'];

/** A table on its way through the engines. */
export interface Place {
  readonly folder: string;
  /** For files that go from one engine to another. */
  readonly scratch: string;
  readonly session: Session;
  /** The newest version after each step so far. */
  readonly marks: number[];
}

export interface TableRead {
  readonly rows: Readonly<Record<string, readonly Plain[]>>;
  readonly schema?: unknown;
  readonly partitionColumns?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  /** Newest first: version, operation, ISO 8601 time. */
  readonly history?: readonly (readonly [number, string, string])[];
}

/** Another implementation of Delta, in a process of its own. Its own errors are `ToolError`s. */
export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  take(place: Place, step: Step | CreateStep): Promise<void>;
  /** The rows of some versions; with `facts` also what the table says about itself. */
  read(place: Place, versions: readonly number[], facts?: true): Promise<TableRead>;
  /** The change data feed of the versions from `from` to `to`, which is the newest; without the commit times. */
  changes(place: Place, versions: { readonly from: number; readonly to: number }): Promise<readonly Plain[]>;
}

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../..');

function scratchFile(place: Place, name: string): string {
  return join(place.scratch, `${name}-${Math.random().toString(36).slice(2)}.parquet`);
}

function pythonTool(name: ToolName, worker: Worker): Tool {
  return {
    name,
    version: worker.version,
    take: async (place, step) => {
      const { folder, session, marks } = place;
      if (step.do === 'forget') return forgetOldLog(folder);
      const file = scratchFile(place, name);
      await worker.call('run', { path: folder, step: await wireStep(step, { session, file, marks }) });
    },
    read: async ({ folder }, versions, facts) => {
      const read = await worker.call<TableRead>('read', { path: folder, versions, facts: facts ?? false });
      const rows = Object.entries(read.rows).map(([version, found]) => [version, sorted(found)]);
      return { ...read, rows: Object.fromEntries(rows) };
    },
    changes: async ({ folder }, versions) =>
      sorted(await worker.call<Plain[]>('changes', { path: folder, ...versions })),
  };
}

/** chdb says nowhere which kernel it has; the commits that it writes do. */
function kernelVersion(folder: string): string {
  const log = join(folder, '_delta_log');
  const newest = readdirSync(log)
    .filter((name) => /^\d{20}\.json$/.test(name))
    .sort()
    .at(-1)!;
  return /"kernelVersion":"([^"]+)"/.exec(readFileSync(join(log, newest), 'utf8'))?.[1] ?? '';
}

function kernelTool(worker: Worker): Tool {
  const rowsOf = async (place: Place, call: string, given: Readonly<Record<string, unknown>>) => {
    const file = scratchFile(place, 'kernel');
    const { schema } = await tableIn(place.folder, place.session).snapshot();
    const binary = schema.fields.filter(({ type }) => type.kind === 'primitive' && type.name === 'binary');
    await worker.call(call, { path: place.folder, file, binary: binary.map((field) => field.name), ...given });
    const rows = await place.session.rows(`SELECT * FROM read_parquet('${file}')`);
    return sorted(rows.map((row) => plain(row)));
  };
  let kernel = '';
  return {
    name: 'kernel',
    get version() {
      return `delta-kernel-rs ${kernel} in ${worker.version}`;
    },
    take: async (place, step) => {
      if (step.do !== 'append') throw new ToolError('chdb only appends');
      const file = scratchFile(place, 'kernel');
      await wireStep(step, { session: place.session, file, marks: place.marks });
      const columns = await place.session.query(`SELECT * FROM read_parquet('${file}') LIMIT 0`);
      const names = columns.columns.map((column) => column.name);
      await worker.call('append', { path: place.folder, file, columns: names });
      kernel = kernelVersion(place.folder);
    },
    read: async (place, versions) => {
      const rows: Record<string, readonly Plain[]> = {};
      for (const version of versions) rows[version] = await rowsOf(place, 'read', { version });
      return { rows };
    },
    changes: (place, versions) => rowsOf(place, 'changes', { ...versions, without: ['_commit_timestamp'] }),
  };
}

/** A function of spark.py that is about more than one step. */
export async function callSpark<T>(name: string, given: unknown): Promise<T> {
  await tool('Spark');
  return workers.get('Spark')!.call(name, given);
}

async function startTool(name: ToolName): Promise<Tool> {
  if (name === 'kernel') {
    return kernelTool(await startWorker(process.execPath, ['chdb.mjs'], { cwd: join(ROOT, 'interop') }));
  }
  const script = { Spark: 'spark', 'delta-rs': 'delta_rs_steps' }[name];
  const worker = await startWorker(findPython()!, ['worker.py', script], { cwd: HERE });
  workers.set(name, worker);
  return pythonTool(name, worker);
}

const workers = new Map<ToolName, Worker>();
const started = new Map<ToolName, Promise<Tool>>();

/** The tool, started at its first use: Spark needs seconds for that. */
export function tool(name: ToolName): Promise<Tool> {
  const found = started.get(name) ?? startTool(name);
  started.set(name, found);
  return found;
}

/**
 * Rows as ClickHouse can tell them: it has no null struct, list or map, so that those of the others count as one of nulls or as
 * an empty one.
 */
export function asClickHouseTells(value: Plain): Plain {
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(asClickHouseTells);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, asClickHouseTells(inner)] as const);
  return entries.every(([, inner]) => inner === null) ? null : Object.fromEntries(entries);
}

/** The Delta schema without what column mapping and type widening note in it. */
export function bareSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(bareSchema);
  if (schema === null || typeof schema !== 'object') return schema;
  const entries = Object.entries(schema).flatMap(([key, value]) => {
    const bare = key === 'metadata' ? keptMetadata(value as object) : bareSchema(value);
    return [[key, bare]];
  });
  return Object.fromEntries(entries);
}

function keptMetadata(metadata: object): unknown {
  return Object.fromEntries(
    Object.entries(metadata).filter(([key]) => !/^(delta\.(columnMapping|typeChanges)|CURRENT_DEFAULT)/.test(key)),
  );
}
