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
import { encodePath } from '../protocol/paths.js';
import { type DeltaSchema, duckdbType } from '../protocol/schema.js';
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

function partitionValues(target: WriteTarget, row: SqlRow): Record<string, string | null> {
  const given = new Map(entries(row['partition_keys']).map((entry) => [String(entry.key), entry.value]));
  return Object.fromEntries(
    target.metadata.partitionColumns.map((column) => {
      const type = target.schema.fields.find((field) => field.name === column)?.type;
      const value = given.get(column);
      if (type === undefined || value === null || value === undefined) return [column, null];
      return [column, serializePartitionValue(type, String(value))];
    }),
  );
}

function addFile(target: WriteTarget, row: SqlRow, at: { readonly root: string; readonly now: number }): AddFile {
  const file = String(row['filename']);
  const stats = columnStats(row);
  assertNotNull(target, stats, file);
  return {
    path: encodePath(file.slice(at.root.length).replace(/^\/+/, '')),
    partitionValues: partitionValues(target, row),
    size: Number(row['file_size_bytes']),
    modificationTime: at.now,
    dataChange: true,
    stats: statsJson(target.schema, { numRecords: Number(row['count']), columns: stats }, target.metadata),
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

async function copyPartitioned({ session, store }: WriteDeps, parts: WriteParts): Promise<readonly SqlRow[]> {
  const folder = store.location('');
  const [found] = await session.rows(fillSql(readSqlFile('delta', 'write_count_partitions'), parts));
  if (Number(found?.['partitions'] ?? 0) <= PARTITIONS_AT_ONCE) {
    return session.rows(fillSql(readSqlFile('delta', 'write_partitioned'), parts), { folder });
  }
  const copy = fillSql(readSqlFile('delta', 'write_partition_group'), parts);
  const written: SqlRow[] = [];
  try {
    await session.run(fillSql(readSqlFile('delta', 'write_stage'), parts));
    const [count] = await session.rows(readSqlFile('delta', 'write_groups'));
    for (let group = 0; group < Number(count?.['groups'] ?? 0); group++) {
      written.push(...(await session.rows(copy, { folder, group })));
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

async function copyUnpartitioned({ session, store }: WriteDeps, parts: WriteParts): Promise<readonly SqlRow[]> {
  const file = store.location(`part-${randomUUID()}.parquet`);
  return session.rows(fillSql(readSqlFile('delta', 'write_unpartitioned'), parts), { file });
}

/**
 * Writes the rows of `relation` (a SELECT) as durable Parquet files of the table and returns their `add` actions with
 * full statistics. Nothing is visible until a commit names them. Every column is cast to the table's type: what DuckDB
 * would write by itself is not always what the schema says (HUGEINT becomes DOUBLE, TIMESTAMP has no zone).
 */
export async function writeDataFiles(deps: WriteDeps, target: WriteTarget, relation: SqlFragment): Promise<AddFile[]> {
  const { store } = deps;
  const { fields } = target.schema;
  const { partitionColumns } = target.metadata;
  const samePartition = partitionColumns.map((column) =>
    trustedFragment(`a.${identifier(column)} IS NOT DISTINCT FROM b.${identifier(column)}`),
  );
  const columns = fields.map(({ name, type }) => {
    return trustedFragment(`CAST(a.${identifier(name)} AS ${duckdbType(type)}) AS ${identifier(name)}`);
  });
  const parts: WriteParts = {
    columns: joinFragments(columns, ', '),
    names: identifiers(fields.map((field) => field.name)),
    partitions: identifiers(partitionColumns),
    same_partition: joinFragments(samePartition, ' AND '),
    relation,
    codec: codecOf(target.metadata.configuration),
  };
  const partitioned = partitionColumns.length > 0;
  const rows = await (partitioned ? copyPartitioned(deps, parts) : copyUnpartitioned(deps, parts));
  const paths = rows.map((row) => relativePath(store, row));
  try {
    const adds = rows.map((row) => addFile(target, row, { root: store.location(''), now: deps.clock.now() }));
    const empty = paths.filter((_, i) => Number(rows[i]?.['count']) === 0);
    await discardDataFiles(store, empty);
    await store.sync(paths.filter((path) => !empty.includes(path)));
    return adds.filter((_, i) => Number(rows[i]?.['count']) > 0);
  } catch (error) {
    await discardDataFiles(store, paths);
    throw error;
  }
}
