import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { EXIT, LakeError, type LakeErrorOptions, messageOf } from '../../base/lake-error.js';
import type { SqlParams } from '../../duckdb/session.js';
import type { ArrivalRules } from '../../sources/arrivals/arrival-rules.js';
import type { FormatOptions } from '../../sources/formats/model.js';
import type { Contract, ContractMode, CorrectionPolicy, Expectation, RetryPolicy } from '../model.js';
import type { ResolvedConnection } from './connection-schema.js';
import { isDaily } from './dates-schema.js';
import { durationMs } from './duration.js';
import { businessDateProblem, type SourceConfig, sourceNameProblem, targetProblem } from './source-schema.js';
import { tableParts, targetOf } from './table-schema.js';

export { type ConnectionConfig, connectionsSchema, resolveConnection } from './connection-schema.js';
export { type SourceConfig, sourceSchema, sourcesSchema } from './source-schema.js';

/** A SELECT over `source` that makes the rows of the target. */
export interface SqlTransform {
  readonly sql: string;
  readonly params: SqlParams;
}

/** How the rows of a table that are new are told. */
export interface WatermarkOptions {
  readonly column: string;
  readonly type: 'timestamp' | 'integer';
  /** Rows that have no value in it. */
  readonly nulls: 'include' | 'exclude' | 'raise';
  /** Read again before the last value: milliseconds, or a number for integers. */
  readonly overlap: number;
}

/** A table of a database as a source. */
export interface TableSource {
  readonly from: { readonly schema: string; readonly table: string } | { readonly query: string };
  /** What it is called in the ledger: `schema.table`, or the name of the query. */
  readonly entity: string;
  /** Only these columns. */
  readonly columns?: readonly string[];
  /** Only what is new; without it the whole table. */
  readonly watermark?: WatermarkOptions;
  /** A full load leaves a row with `_deleted` for each key that is gone. */
  readonly tombstones: boolean;
}

/** A source with everything filled in: what `ingest` works with. */
export interface ResolvedSource {
  readonly name: string;
  /** What it reads: files of this machine or of an SFTP server, a table of PostgreSQL. */
  readonly type: 'file' | 'sftp' | 'postgres';
  /** Where it is read from unless that is this machine. */
  readonly connection?: ResolvedConnection;
  /** Set for a table. */
  readonly table?: TableSource;
  /** A date that has succeeded is not run again unless asked to. */
  readonly skipIfSuccess: boolean;
  /** Takes part in business dates. */
  readonly daily: boolean;
  /** `schema.table` */
  readonly target: string;
  /** Absolute; patterns and the paths that identify files start here. */
  readonly root: string;
  readonly patterns: readonly string[];
  readonly exclude: readonly string[];
  /** Files are identified by their absolute path. */
  readonly absolutePaths: boolean;
  readonly format: FormatOptions;
  /** Columns that identify a row; empty when nobody said. */
  readonly key: readonly string[];
  readonly contract: Contract;
  /** Declared types by column. */
  readonly columns: Readonly<Record<string, string>>;
  readonly expectations: readonly Expectation[];
  readonly correction: CorrectionPolicy;
  readonly retry: RetryPolicy;
  readonly keepRaw: boolean;
  readonly arrival: ArrivalRules;
  readonly businessDate?: string;
  readonly order: 'path' | 'modified';
  readonly transform?: SqlTransform;
  readonly enabled: boolean;
  readonly maxRejectedRows?: number;
}

const DEFAULT_CONTRACT: Contract = { columns: 'evolve', types: 'rescue' };
const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 3, baseDelayMs: 1000, maxDelayMs: 3_600_000 };

/** Fills the defaults of a configured source in and reads its transform. Rejects with code `CONFIG` (exit code 2). */
export async function resolveSource(
  name: string,
  value: SourceConfig,
  at: { readonly folder: string; readonly connection?: ResolvedConnection },
): Promise<ResolvedSource> {
  const { connection } = at;
  const target = targetOf(name, value);
  refuse(sourceNameProblem(name), `source "${name}"`, { place: `sources.${name}` });
  refuse(targetProblem(target), `into: "${target}"`, { place: `sources.${name}.into` });
  const table = tableOf(name, value);
  refuse(connectionProblem(table, connection), `source "${name}"`, { place: `sources.${name}.connection` });
  const transform =
    value.transform === undefined
      ? undefined
      : { sql: await readTransform(resolve(at.folder, value.transform)), params: value.params ?? {} };
  return {
    name,
    type: connection?.type ?? 'file',
    ...(connection === undefined ? {} : { connection }),
    ...(table === undefined ? {} : { table }),
    skipIfSuccess: value.skip_if_success ?? connection !== undefined,
    daily: isDaily(value),
    target,
    root: connection?.type === 'sftp' ? connection.root : resolve(at.folder),
    patterns: listOf(value.path),
    exclude: listOf(value.exclude),
    absolutePaths: false,
    format: formatOf(value.format),
    key: listOf(value.key),
    contract: contractOf(value.contract),
    columns: Object.fromEntries(
      Object.entries(value.columns ?? {}).map(([column, type]) => [column, type.toUpperCase().replaceAll(/\s/g, '')]),
    ),
    expectations: (value.expectations ?? []).map((one) => ({
      name: one.name,
      expression: one.expect,
      action: one.action ?? 'warn',
    })),
    correction: value.on_correction ?? 'replace',
    retry: retryOf(value.retry),
    keepRaw: value.keep_raw ?? false,
    arrival: arrivalOf(value.arrival),
    order: value.order ?? 'path',
    enabled: value.enabled ?? true,
    ...(value.business_date === undefined ? {} : { businessDate: value.business_date }),
    ...(transform === undefined ? {} : { transform }),
    ...(value.max_rejected_rows === undefined ? {} : { maxRejectedRows: value.max_rejected_rows }),
  };
}

/** What `ingest` was told about files without a configuration. */
export interface AdHocRequest {
  /** Files, folders or globs. */
  readonly files: readonly string[];
  /** The target, `schema.table`; also the name of the source. */
  readonly into: string;
  /** Relative patterns start here. */
  readonly cwd: string;
  readonly options?: SourceOverrides;
}

/** What one run may set in place of what a source says. */
export interface SourceOverrides {
  readonly format?: FormatOptions;
  readonly key?: readonly string[];
  readonly contract?: ContractMode | Partial<Contract>;
  readonly columns?: Readonly<Record<string, string>>;
  readonly expectations?: readonly Expectation[];
  readonly correction?: CorrectionPolicy;
  readonly retry?: Partial<RetryPolicy>;
  readonly keepRaw?: boolean;
  readonly arrival?: ArrivalRules;
  readonly businessDate?: string;
  readonly order?: 'path' | 'modified';
  readonly transform?: SqlTransform;
  readonly maxRejectedRows?: number;
}

/** The source of files that no configuration knows: its name is that of its target, its files are known by absolute path. */
export function adHocSource(request: AdHocRequest): ResolvedSource {
  const { into, cwd, files } = request;
  refuse(targetProblem(into), `the target "${into}"`, {});
  if (files.length === 0) throw sourceError('no files are named', {});
  const plain: ResolvedSource = {
    name: into,
    type: 'file',
    skipIfSuccess: false,
    daily: false,
    target: into,
    root: resolve(cwd),
    patterns: files.map((file) => (isAbsolute(file) ? file : file.replace(/^(\.\/)+/, ''))),
    exclude: [],
    absolutePaths: true,
    format: {},
    key: [],
    contract: DEFAULT_CONTRACT,
    columns: {},
    expectations: [],
    correction: 'replace',
    retry: DEFAULT_RETRY,
    keepRaw: false,
    arrival: {},
    order: 'path',
    enabled: true,
  };
  return overrideSource(plain, request.options ?? {});
}

/** A source with what one run wants to be different. */
export function overrideSource(source: ResolvedSource, overrides: SourceOverrides): ResolvedSource {
  const { format, contract, retry, columns, ...others } = overrides;
  if (others.businessDate !== undefined) {
    const problem = businessDateProblem(others.businessDate);
    if (problem !== undefined) throw sourceError(problem, { hint: 'orders-{yyyyMMdd}.csv' });
  }
  const set = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  return {
    ...source,
    ...set,
    format: { ...source.format, ...format },
    contract: { ...source.contract, ...(typeof contract === 'string' ? bothOf(contract) : contract) },
    columns: { ...source.columns, ...columns },
    retry: { ...source.retry, ...retry },
  };
}

/** Reads the SQL text of a transform. Rejects with code `CONFIG` (exit code 2). */
export async function readTransform(file: string): Promise<string> {
  let sql: string;
  try {
    sql = await readFile(file, 'utf8');
  } catch (error) {
    throw sourceError(`cannot read the transform: ${messageOf(error)}`, { place: file, cause: error });
  }
  if (sql.trim() === '')
    throw sourceError('the transform is empty', { place: file, hint: 'write a SELECT over the table source' });
  return sql;
}

function sourceError(message: string, options: LakeErrorOptions): LakeError {
  return new LakeError('CONFIG', message, { ...options, exitCode: EXIT.usage });
}

function refuse(problem: string | undefined, subject: string, options: LakeErrorOptions): void {
  if (problem !== undefined) throw sourceError(`${subject}: ${problem}`, options);
}

/** Why a source and its connection do not go together. */
function connectionProblem(
  table: TableSource | undefined,
  connection: ResolvedConnection | undefined,
): string | undefined {
  if (table !== undefined && connection?.type !== 'postgres') return 'a table needs a connection of type postgres';
  if (table === undefined && connection?.type === 'postgres') return 'a database has tables and queries, and no path';
  return undefined;
}

function tableOf(name: string, value: SourceConfig): TableSource | undefined {
  const { table, query, include_columns: columns } = value;
  if (table === undefined && query === undefined) return undefined;
  const from = table === undefined ? { query: query ?? '' } : tableParts(table);
  return {
    from,
    entity: 'query' in from ? (value.name ?? name) : `${from.schema}.${from.table}`,
    tombstones: value.deletes === 'tombstone',
    ...(columns === undefined ? {} : { columns }),
    ...(value.watermark === undefined ? {} : { watermark: watermarkOf(name, value.watermark) }),
  };
}

function watermarkOf(name: string, value: NonNullable<SourceConfig['watermark']>): WatermarkOptions {
  const {
    column,
    type = 'timestamp',
    nulls = 'include',
    overlap = 0,
  } = typeof value === 'string' ? { column: value } : value;
  const isTime = typeof overlap === 'string';
  if (overlap !== 0 && isTime !== (type === 'timestamp')) {
    throw sourceError(
      `the overlap of a watermark of type ${type} is ${type === 'timestamp' ? 'a duration' : 'a number'}`,
      {
        place: `sources.${name}.watermark.overlap`,
        hint: type === 'timestamp' ? 'overlap: 15m' : 'overlap: 1000',
      },
    );
  }
  return { column, type, nulls, overlap: isTime ? durationMs(overlap) : overlap };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : [value].flat();
}

function bothOf(mode: ContractMode): Contract {
  return { columns: mode, types: mode };
}

function contractOf(value: SourceConfig['contract']): Contract {
  if (typeof value === 'string') return bothOf(value);
  return { columns: value?.columns ?? DEFAULT_CONTRACT.columns, types: value?.types ?? DEFAULT_CONTRACT.types };
}

function formatOf(value: SourceConfig['format']): FormatOptions {
  if (value === undefined) return {};
  if (typeof value === 'string') return { format: value };
  const { type, null_values: nullValues, ...same } = value;
  return {
    ...(Object.fromEntries(Object.entries(same).filter(([, one]) => one !== undefined)) as FormatOptions),
    ...(type === undefined ? {} : { format: type }),
    ...(nullValues === undefined ? {} : { nullValues }),
  };
}

function retryOf(value: SourceConfig['retry']): RetryPolicy {
  return {
    maxAttempts: value?.attempts ?? DEFAULT_RETRY.maxAttempts,
    baseDelayMs: value?.delay === undefined ? DEFAULT_RETRY.baseDelayMs : durationMs(value.delay),
    maxDelayMs: value?.max_delay === undefined ? DEFAULT_RETRY.maxDelayMs : durationMs(value.max_delay),
  };
}

function arrivalOf(value: SourceConfig['arrival']): ArrivalRules {
  return {
    ...(value?.min_age === undefined ? {} : { minAgeMs: durationMs(value.min_age) }),
    ...(value?.stable_for === undefined ? {} : { stableForMs: durationMs(value.stable_for) }),
    ...(value?.done_file === undefined ? {} : { doneFile: value.done_file }),
    ...(value?.temporary_suffixes === undefined ? {} : { temporarySuffixes: value.temporary_suffixes }),
  };
}
