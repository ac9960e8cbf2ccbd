import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  identifiers,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { SqlRow, SqlValue } from '../../duckdb/values.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { AddFile, DomainMetadata, Metadata } from '../protocol/actions.js';
import { clusteringColumns } from '../protocol/clustering.js';
import { type ColumnMappingMode, physicalSchema } from '../protocol/column-mapping.js';
import { fieldIds } from '../protocol/field-ids.js';
import { serializePartitionValue } from '../protocol/partition-values.js';
import { encodePath, partitionFolder } from '../protocol/paths.js';
import { renameStructs } from '../protocol/rename-structs.js';
import { type DeltaSchema, duckdbType } from '../protocol/schema.js';
import { type ColumnStats, statsJson } from '../protocol/stats.js';
import { storedSchema } from '../protocol/void-type.js';

/** The table that data files are written for; a snapshot is one. Names are logical. */
export interface WriteTarget {
  readonly schema: DeltaSchema;
  readonly mapping?: ColumnMappingMode;
  readonly metadata: Pick<Metadata, 'partitionColumns' | 'configuration'>;
  /** Of a clustered table: its clustering columns always have statistics. */
  readonly domains?: ReadonlyMap<string, DomainMetadata>;
  /** Below the table; without it the files stand in the table's own folder. */
  readonly folder?: string;
}

export interface WriteDeps {
  readonly session: Session;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

const CODECS: ReadonlySet<string> = new Set(['snappy', 'zstd', 'gzip', 'uncompressed', 'lz4_raw', 'brotli']);

function codecOf(configuration: Readonly<Record<string, string>>): SqlFragment {
  const wanted = (configuration['delta.parquet.compression.codec'] ?? 'zstd').toLowerCase();
  return trustedFragment(`COMPRESSION ${CODECS.has(wanted) ? wanted : 'zstd'}`);
}

type Entry = { readonly key: SqlValue; readonly value: SqlValue };

function entries(value: SqlValue | undefined): readonly Entry[] {
  return Array.isArray(value) ? (value as unknown as readonly Entry[]) : [];
}

function columnStats(row: SqlRow): Record<string, ColumnStats> {
  const stats: Record<string, ColumnStats> = {};
  for (const column of entries(row['column_statistics'])) {
    const facts = Object.fromEntries(entries(column.value).map((fact) => [String(fact.key), String(fact.value)]));
    stats[String(column.key)] = {
      ...(facts['min'] === undefined ? {} : { min: facts['min'] }),
      ...(facts['max'] === undefined ? {} : { max: facts['max'] }),
      ...(facts['null_count'] === undefined ? {} : { nullCount: Number(facts['null_count']) }),
      ...(facts['has_nan'] === undefined ? {} : { hasNan: facts['has_nan'] === 'true' || facts['has_nan'] === '1' }),
    };
  }
  return stats;
}

type PartitionValues = Readonly<Record<string, string | null>>;

/** How a table's rows stand in its files: physical names in schema, partition values and statistics. */
interface Layout {
  readonly schema: DeltaSchema;
  readonly partitionColumns: readonly string[];
  readonly configuration: Metadata['configuration'];
  /** The logical schema, field by field like `schema`. */
  readonly logical: DeltaSchema;
  readonly folder: string;
  /** Columns that have statistics whatever the properties say. */
  readonly alwaysIndexed: readonly (readonly string[])[];
  readonly mapping: ColumnMappingMode;
}

function layoutOf(target: WriteTarget): Layout {
  const { mapping = 'none', metadata, folder = '', domains } = target;
  const schema = storedSchema(target.schema);
  const physical = physicalSchema(schema, mapping);
  const partitionColumns = metadata.partitionColumns.flatMap((column) => {
    const i = schema.fields.findIndex((field) => field.name === column);
    return physical.fields[i]?.name ?? [];
  });
  return {
    schema: physical,
    partitionColumns,
    configuration: metadata.configuration,
    logical: schema,
    folder,
    mapping,
    alwaysIndexed: domains === undefined ? [] : clusteringColumns(domains),
  };
}

function assertNotNull(
  layout: Layout,
  facts: { readonly stats: Readonly<Record<string, ColumnStats>>; readonly partition: PartitionValues },
  place: string,
): void {
  layout.schema.fields.forEach((field, i) => {
    if (field.nullable) return;
    const partitioned = layout.partitionColumns.includes(field.name);
    const hasNulls = partitioned
      ? facts.partition[field.name] == null
      : (facts.stats[identifier(field.name)]?.nullCount ?? 0) > 0;
    if (!hasNulls) return;
    const name = layout.logical.fields[i]?.name ?? field.name;
    throw new LakeError('DELTA_NOT_NULL', `the column "${name}" must not be NULL`, { place, exitCode: 1 });
  });
}

function partitionValues(layout: Layout, given: ReadonlyMap<string, SqlValue>): Record<string, string | null> {
  return Object.fromEntries(
    layout.partitionColumns.map((column) => {
      const type = layout.schema.fields.find((field) => field.name === column)?.type;
      const value = given.get(column);
      if (type === undefined || value === null || value === undefined) return [column, null];
      return [column, serializePartitionValue(type, String(value))];
    }),
  );
}

interface WrittenAt {
  readonly path: string;
  readonly partition: Readonly<Record<string, string | null>>;
  readonly now: number;
}

function addFile(layout: Layout, row: SqlRow, { path, partition, now }: WrittenAt): AddFile {
  const columns = columnStats(row);
  assertNotNull(layout, { stats: columns, partition }, path);
  return {
    path: encodePath(path),
    partitionValues: partition,
    size: Number(row['file_size_bytes']),
    modificationTime: now,
    dataChange: true,
    stats: statsJson(layout.schema, { numRecords: Number(row['count']), columns }, layout),
  };
}

/** Deletes data files that no commit names. */
export async function discardDataFiles(store: ObjectStore, paths: readonly string[]): Promise<void> {
  for (const path of paths) await store.delete(path).catch(() => undefined);
}

function relativePath(store: ObjectStore, row: SqlRow): string {
  return String(row['filename'])
    .slice(store.location('').length)
    .replace(/^\/+(?:\.\/+)?/, '');
}

/** See `sql/delta/write_stage.sql`. */
const PARTITIONS_AT_ONCE = 64;
/** With so few rows the buffers of many partitions stay small: about 13 KB for each column of each partition. */
const FEW_ROWS = 100_000;
const COLUMNS_AT_ONCE = 4096;

/** How many partitions one statement writes. */
function partitionsAtOnce({ session }: WriteDeps, { schema }: Layout, rows: number): number {
  if (session.limited || rows > FEW_ROWS) return PARTITIONS_AT_ONCE;
  return Math.max(PARTITIONS_AT_ONCE, Math.floor(COLUMNS_AT_ONCE / schema.fields.length));
}

interface WriteParts {
  /** All columns, physical names. */
  readonly columns: SqlFragment;
  /** Those that files hold: all but the partition columns. */
  readonly stored: SqlFragment;
  readonly partitions: SqlFragment;
  readonly relation: SqlFragment;
  readonly options: SqlFragment;
  /** Of the names of the files. */
  readonly prefix: SqlFragment;
  /** The temporary table for many partitions. */
  readonly stage: SqlFragment;
  readonly [name: string]: SqlFragment;
}

interface Partitions {
  readonly values: readonly PartitionValues[];
  readonly rows: number;
}

/** The partitions of the rows; a table without partition columns has one. */
async function findPartitions({ session }: WriteDeps, layout: Layout, parts: WriteParts): Promise<Partitions> {
  if (layout.partitionColumns.length === 0) return { values: [{}], rows: 0 };
  const found = await session.rows(fillSql(readSqlFile('delta', 'write_find_partitions'), parts));
  const values = found.map((row) => partitionValues(layout, new Map(Object.entries(row))));
  return { values, rows: found.reduce((sum, row) => sum + Number(row['_write_rows']), 0) };
}

type CopyDeps = WriteDeps & { readonly parts: WriteParts; readonly folder: string };

/** The beginning of the names of the files of one write. */
function filePrefix(write: string): string {
  return `part-${write}`;
}

async function copyPartitions({ session, parts, folder }: CopyDeps): Promise<readonly SqlRow[]> {
  return session.rows(fillSql(readSqlFile('delta', 'write_partitioned'), parts), { folder });
}

async function copyManyPartitions({ session, parts, folder }: CopyDeps, groups: number): Promise<readonly SqlRow[]> {
  const copy = fillSql(readSqlFile('delta', 'write_partition_group'), parts);
  const written: SqlRow[] = [];
  try {
    await session.run(fillSql(readSqlFile('delta', 'write_stage'), parts), { groups });
    for (let group = 0; group < groups; group++) {
      written.push(...(await session.rows(copy, { folder, group })));
    }
    return written;
  } finally {
    await session.run(fillSql(readSqlFile('delta', 'drop_temp_table'), { table: parts.stage }));
  }
}

/** One file in one folder; a partitioned COPY would hold all its rows back first. */
async function copyFile(
  { session, store }: WriteDeps,
  layout: Layout,
  { parts, values }: { readonly parts: WriteParts; readonly values: PartitionValues },
): Promise<readonly SqlRow[]> {
  const folders = [layout.folder, partitionFolder(layout.partitionColumns, values), `${parts.prefix}.parquet`];
  const file = store.newLocation(folders.filter((name) => name !== '').join('/'));
  return session.rows(fillSql(readSqlFile('delta', 'write_file'), parts), { file });
}

/** Every column as the table has it: what DuckDB would write by itself is not always what the schema says. */
function physicalColumns({ logical, schema }: Layout): SqlFragment {
  const columns = schema.fields.map((field, i) => {
    const from = logical.fields[i] ?? field;
    const value = `CAST(a.${identifier(from.name)} AS ${duckdbType(from.type)})`;
    return trustedFragment(`${renameStructs(value, from.type, field.type)} AS ${identifier(field.name)}`);
  });
  return joinFragments(columns, ', ');
}

function writeParts(layout: Layout, rows: SqlFragment, write: string): WriteParts {
  const { schema, partitionColumns } = layout;
  const names = schema.fields.map((field) => field.name);
  const texts = partitionColumns.map((column) =>
    trustedFragment(`CAST(${identifier(column)} AS VARCHAR) AS ${identifier(column)}`),
  );
  const relation = fillSql(readSqlFile('delta', 'write_rows'), { columns: physicalColumns(layout), relation: rows });
  return {
    columns: identifiers(names),
    stored: identifiers(names.filter((name) => !partitionColumns.includes(name))),
    partitions: identifiers(partitionColumns),
    partition_texts: joinFragments(texts, ', '),
    relation: trustedFragment(relation),
    options: joinFragments([codecOf(layout.configuration), ...fieldIdsOption(layout)], ', '),
    prefix: trustedFragment(filePrefix(write)),
    stage: identifier(`_write_rows_${write}`),
  };
}

function fieldIdsOption({ mapping, logical, schema, partitionColumns }: Layout): SqlFragment[] {
  if (mapping === 'none') return [];
  const stored = logical.fields.filter((_, i) => !partitionColumns.includes(schema.fields[i]?.name ?? ''));
  return [trustedFragment(`FIELD_IDS ${fieldIds(stored, mapping)}`)];
}

/** Writes the files and says for each what RETURN_STATS said and which partition it is of. */
async function copyRows(
  deps: WriteDeps,
  layout: Layout,
  parts: WriteParts,
): Promise<readonly [SqlRow, PartitionValues][]> {
  const partitions = await findPartitions(deps, layout, parts);
  const [only] = partitions.values;
  if (only === undefined) return [];
  if (partitions.values.length === 1) {
    const rows = await copyFile(deps, layout, { parts, values: only });
    return rows.map((row) => [row, only]);
  }
  const groups = Math.ceil(partitions.values.length / partitionsAtOnce(deps, layout, partitions.rows));
  // A partitioned COPY drops characters that are not ASCII from the end of its folder's name, and writes somewhere else.
  const folder = deps.store.location(layout.folder).replace(/[^\x20-\x7e]$/u, '$&/.');
  const copy = { ...deps, parts, folder };
  const rows = await (groups === 1 ? copyPartitions(copy) : copyManyPartitions(copy, groups));
  return rows.map((row) => {
    const keys = entries(row['partition_keys']).map((entry) => [String(entry.key), entry.value] as const);
    return [row, partitionValues(layout, new Map(keys))];
  });
}

/** Deletes what a write has left that failed halfway: DuckDB keeps the files that it has begun. */
async function discardWrite({ store }: WriteDeps, { folder }: Layout, write: string): Promise<void> {
  const isData = (below: string) => !/^_(?:delta_log|change_data)$/.test(below);
  const begun: string[] = [];
  for await (const { path } of store.listAll(folder, isData)) {
    if (path.slice(path.lastIndexOf('/') + 1).includes(filePrefix(write))) begun.push(path);
  }
  await discardDataFiles(store, begun);
}

/**
 * Writes the rows of `relation` (a SELECT of the table's columns that gives the same rows each time) as durable Parquet
 * files of the table and returns their `add` actions with full statistics. Nothing is visible until a commit names them.
 * Throws `DELTA_NOT_NULL`, `DELTA_PARTITION_VALUE`, `SQL`, `STORAGE`; no file is left behind then.
 */
export async function writeDataFiles(deps: WriteDeps, target: WriteTarget, relation: SqlFragment): Promise<AddFile[]> {
  const { store } = deps;
  const layout = layoutOf(target);
  const write = randomUUID();
  try {
    const written = await copyRows(deps, layout, writeParts(layout, relation, write));
    const paths = written.map(([row]) => relativePath(store, row));
    const adds = written.map(([row, partition], i) =>
      addFile(layout, row, { path: paths[i] ?? '', partition, now: deps.clock.now() }),
    );
    const empty = paths.filter((_, i) => Number(written[i]?.[0]['count']) === 0);
    await discardDataFiles(store, empty);
    await store.sync(paths.filter((path) => !empty.includes(path)));
    return adds.filter((_, i) => Number(written[i]?.[0]['count']) > 0);
  } catch (error) {
    // What went wrong first is what counts.
    await discardWrite(deps, layout, write).catch(() => undefined);
    throw error;
  }
}
