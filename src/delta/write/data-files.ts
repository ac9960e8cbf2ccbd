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
import type { AddFile, Metadata } from '../protocol/actions.js';
import { serializePartitionValue } from '../protocol/partition-values.js';
import { encodePath, partitionFolder } from '../protocol/paths.js';
import { type DeltaField, type DeltaSchema, duckdbType } from '../protocol/schema.js';
import { type ColumnStats, statsJson } from '../protocol/stats.js';

export interface WriteTarget {
  readonly schema: DeltaSchema;
  readonly metadata: Pick<Metadata, 'partitionColumns' | 'configuration'>;
}

export interface WriteDeps {
  readonly session: Session;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

const CODECS: ReadonlySet<string> = new Set(['snappy', 'zstd', 'gzip', 'uncompressed', 'lz4_raw', 'brotli']);

function codecOf(configuration: Readonly<Record<string, string>>): SqlFragment {
  const wanted = (configuration['delta.parquet.compression.codec'] ?? 'zstd').toLowerCase();
  return trustedFragment(CODECS.has(wanted) ? wanted : 'zstd');
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

function assertNotNull(target: WriteTarget, stats: Readonly<Record<string, ColumnStats>>, place: string): void {
  for (const field of target.schema.fields) {
    if (field.nullable || (stats[identifier(field.name)]?.nullCount ?? 0) === 0) continue;
    throw new LakeError('DELTA_NOT_NULL', `the column "${field.name}" must not be NULL`, { place, exitCode: 1 });
  }
}

function partitionValues(target: WriteTarget, given: ReadonlyMap<string, SqlValue>): Record<string, string | null> {
  return Object.fromEntries(
    target.metadata.partitionColumns.map((column) => {
      const type = target.schema.fields.find((field) => field.name === column)?.type;
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

function addFile(target: WriteTarget, row: SqlRow, { path, partition, now }: WrittenAt): AddFile {
  const columns = columnStats(row);
  assertNotNull(target, columns, path);
  return {
    path: encodePath(path),
    partitionValues: partition,
    size: Number(row['file_size_bytes']),
    modificationTime: now,
    dataChange: true,
    stats: statsJson(target.schema, { numRecords: Number(row['count']), columns }, target.metadata),
  };
}

/** Deletes data files that no commit names. */
export async function discardDataFiles(store: ObjectStore, paths: readonly string[]): Promise<void> {
  for (const path of paths) await store.delete(path).catch(() => undefined);
}

function relativePath(store: ObjectStore, row: SqlRow): string {
  return String(row['filename']).slice(store.location('').length).replace(/^\/+/, '');
}

/** See `sql/delta/write_stage.sql`. */
const PARTITIONS_AT_ONCE = 64;

interface WriteParts {
  readonly columns: SqlFragment;
  readonly names: SqlFragment;
  readonly partitions: SqlFragment;
  readonly relation: SqlFragment;
  readonly codec: SqlFragment;
  readonly [name: string]: SqlFragment;
}

type PartitionValues = Readonly<Record<string, string | null>>;

/** The partitions of the rows, at most one more than are written at once. */
async function findPartitions(
  { session }: WriteDeps,
  target: WriteTarget,
  parts: WriteParts,
): Promise<PartitionValues[]> {
  const rows = await session.rows(fillSql(readSqlFile('delta', 'write_find_partitions'), parts));
  return rows.map((row) => partitionValues(target, new Map(Object.entries(row))));
}

async function copyPartitions({ session, store }: WriteDeps, parts: WriteParts): Promise<readonly SqlRow[]> {
  return session.rows(fillSql(readSqlFile('delta', 'write_partitioned'), parts), { folder: store.location('') });
}

async function copyManyPartitions({ session, store }: WriteDeps, parts: WriteParts): Promise<readonly SqlRow[]> {
  const copy = fillSql(readSqlFile('delta', 'write_partition_group'), parts);
  const written: SqlRow[] = [];
  try {
    await session.run(fillSql(readSqlFile('delta', 'write_stage'), parts));
    const [count] = await session.rows(readSqlFile('delta', 'write_groups'));
    for (let group = 0; group < Number(count?.['groups'] ?? 0); group++) {
      written.push(...(await session.rows(copy, { folder: store.location(''), group })));
    }
    return written;
  } catch (error) {
    await discardDataFiles(
      store,
      written.map((row) => relativePath(store, row)),
    );
    throw error;
  } finally {
    await session.run(readSqlFile('delta', 'write_drop_stage'));
  }
}

/** One file in one folder; a partitioned COPY would hold all its rows back first. */
async function copyFile(
  { session, store }: WriteDeps,
  target: WriteTarget,
  { parts, values }: { readonly parts: WriteParts; readonly values: PartitionValues },
): Promise<readonly SqlRow[]> {
  const { partitionColumns } = target.metadata;
  const folder = partitionFolder(partitionColumns, values);
  const file = store.newLocation(`${folder === '' ? '' : `${folder}/`}part-${randomUUID()}.parquet`);
  const stored = target.schema.fields.filter(({ name }) => !partitionColumns.includes(name));
  const sql = fillSql(readSqlFile('delta', 'write_file'), { ...parts, columns: castColumns(stored) });
  return session.rows(sql, { file });
}

function castColumns(fields: readonly DeltaField[]): SqlFragment {
  const columns = fields.map(({ name, type }) =>
    trustedFragment(`CAST(a.${identifier(name)} AS ${duckdbType(type)}) AS ${identifier(name)}`),
  );
  return joinFragments(columns, ', ');
}

function writeParts({ schema, metadata }: WriteTarget, relation: SqlFragment): WriteParts {
  const { partitionColumns, configuration } = metadata;
  const same = partitionColumns.map((column) =>
    trustedFragment(`a.${identifier(column)} IS NOT DISTINCT FROM b.${identifier(column)}`),
  );
  const texts = partitionColumns.map((column) =>
    trustedFragment(`CAST(${identifier(column)} AS VARCHAR) AS ${identifier(column)}`),
  );
  return {
    columns: castColumns(schema.fields),
    names: identifiers(schema.fields.map((field) => field.name)),
    partitions: identifiers(partitionColumns),
    partition_texts: joinFragments(texts, ', '),
    same_partition: joinFragments(same, ' AND '),
    relation,
    codec: codecOf(configuration),
  };
}

/** Writes the files and says for each what RETURN_STATS said and which partition it is of. */
async function copyRows(
  deps: WriteDeps,
  target: WriteTarget,
  relation: SqlFragment,
): Promise<readonly [SqlRow, PartitionValues][]> {
  const parts = writeParts(target, relation);
  const partitioned = target.metadata.partitionColumns.length > 0;
  const partitions = partitioned ? await findPartitions(deps, target, parts) : [{}];
  if (partitions.length === 0) return [];
  const [only] = partitions;
  if (partitions.length === 1 && only !== undefined) {
    const rows = await copyFile(deps, target, { parts, values: only });
    return rows.map((row) => [row, only]);
  }
  const copy = partitions.length <= PARTITIONS_AT_ONCE ? copyPartitions : copyManyPartitions;
  return (await copy(deps, parts)).map((row) => {
    const keys = entries(row['partition_keys']).map((entry) => [String(entry.key), entry.value] as const);
    return [row, partitionValues(target, new Map(keys))];
  });
}

/**
 * Writes the rows of `relation` (a SELECT that gives the same rows each time) as durable Parquet files of the table and
 * returns their `add` actions with full statistics. Nothing is visible until a commit names them. Every column is cast
 * to the table's type: what DuckDB would write by itself is not always what the schema says (HUGEINT becomes DOUBLE,
 * TIMESTAMP has no zone).
 */
export async function writeDataFiles(deps: WriteDeps, target: WriteTarget, relation: SqlFragment): Promise<AddFile[]> {
  const { store } = deps;
  const written = await copyRows(deps, target, relation);
  const paths = written.map(([row]) => relativePath(store, row));
  try {
    const adds = written.map(([row, partition], i) =>
      addFile(target, row, { path: paths[i] ?? '', partition, now: deps.clock.now() }),
    );
    const empty = paths.filter((_, i) => Number(written[i]?.[0]['count']) === 0);
    await discardDataFiles(store, empty);
    await store.sync(paths.filter((path) => !empty.includes(path)));
    return adds.filter((_, i) => Number(written[i]?.[0]['count']) > 0);
  } catch (error) {
    await discardDataFiles(store, paths);
    throw error;
  }
}
