import { randomUUID } from 'node:crypto';
import { LakeError } from '../../base/lake-error.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Action, Metadata } from '../protocol/actions.js';
import {
  assignColumnMapping,
  type ColumnMappingMode,
  columnMappingMode,
  MAX_COLUMN_ID,
  physicalName,
  physicalSchema,
} from '../protocol/column-mapping.js';
import { type DeltaSchema, parseSchema, serializeSchema } from '../protocol/schema.js';
import { neededFeatures, upgradeProtocol, withoutFeatureSwitches } from '../protocol/upgrade.js';

/** Throws `DELTA_SCHEMA` for partition columns that are not there, not of a primitive type, or all that there is. */
export function assertPartitions(schema: DeltaSchema, partitionColumns: readonly string[], place: string): void {
  for (const column of partitionColumns) {
    const field = schema.fields.find((f) => f.name === column);
    if (field === undefined) {
      throw new LakeError('DELTA_SCHEMA', `the partition column "${column}" is not in the schema`, { place });
    }
    if (field.type.kind !== 'primitive') {
      throw new LakeError('DELTA_SCHEMA', `the partition column "${column}" is not of a primitive type`, { place });
    }
  }
  if (schema.fields.length === 0) throw new LakeError('DELTA_SCHEMA', 'a table needs at least one column', { place });
  if (partitionColumns.length === schema.fields.length) {
    throw new LakeError('DELTA_SCHEMA', 'a table needs a column that is not a partition column', { place });
  }
}

const FEED_COLUMNS: ReadonlySet<string> = new Set(['_change_type', '_commit_version', '_commit_timestamp']);

/** Throws `DELTA_SCHEMA` for a column with a name that the change data feed has for itself (PROTOCOL.md, "Change Data Files"). */
export function assertFeedNames(schema: DeltaSchema, configuration: Metadata['configuration'], place: string): void {
  if (configuration['delta.enableChangeDataFeed']?.toLowerCase() !== 'true') return;
  const taken = schema.fields.find(({ name }) => FEED_COLUMNS.has(name.toLowerCase()));
  if (taken === undefined) return;
  throw new LakeError('DELTA_SCHEMA', `the change data feed needs the name "${taken.name}" for itself`, {
    place,
    exitCode: 1,
    hint: 'rename the column, or leave delta.enableChangeDataFeed unset',
  });
}

/** What changes of a table's metadata; the rest stays. */
export interface MetadataChange {
  readonly schema?: DeltaSchema;
  readonly configuration?: Metadata['configuration'];
  readonly partitionColumns?: readonly string[];
}

/** The metadata with a schema; new columns of a mapped table get their ids and physical names. */
export function withMapping(metadata: Metadata, schema: DeltaSchema, mapping: ColumnMappingMode): Metadata {
  if (mapping === 'none') {
    return { ...metadata, schemaString: serializeSchema(schema) };
  }
  const mapped = assignColumnMapping(schema, {
    maxColumnId: Number(metadata.configuration[MAX_COLUMN_ID] ?? 0),
    newName: () => `col-${randomUUID()}`,
  });
  return {
    ...metadata,
    schemaString: serializeSchema(mapped.schema),
    configuration: { ...metadata.configuration, [MAX_COLUMN_ID]: String(mapped.maxColumnId) },
  };
}

function sameMetadata(a: Metadata, b: Metadata): boolean {
  const entries = (metadata: Metadata) => JSON.stringify(Object.entries(metadata.configuration).sort());
  return (
    serializeSchema(parseSchema(a.schemaString)) === serializeSchema(parseSchema(b.schemaString)) &&
    entries(a) === entries(b) &&
    JSON.stringify(a.partitionColumns) === JSON.stringify(b.partitionColumns)
  );
}

/** A snapshot as it will be after a change of metadata, and the actions that say so; no actions when nothing changes. */
export interface ChangedTable {
  readonly schema: DeltaSchema;
  readonly mapping: Snapshot['mapping'];
  readonly metadata: Metadata;
  readonly actions: readonly Action[];
}

/** Throws `DELTA_UNSUPPORTED` for a property whose feature is not written here. */
export function changeMetadata(snapshot: Snapshot, change: MetadataChange): ChangedTable {
  const place = `${snapshot.path}@${snapshot.version}`;
  const configuration = change.configuration ?? snapshot.metadata.configuration;
  const partitionColumns = change.partitionColumns ?? snapshot.metadata.partitionColumns;
  const wanted = { ...snapshot.metadata, configuration, partitionColumns };
  const schema = change.schema ?? snapshot.schema;
  assertFeedNames(schema, configuration, place);
  // A property that is there without its feature, as other writers leave it, means nothing and must not begin to.
  const before = new Set(neededFeatures(snapshot.metadata));
  const needed = neededFeatures({ configuration, schemaString: serializeSchema(schema) });
  const protocol = upgradeProtocol(
    snapshot.protocol,
    needed.filter((feature) => !before.has(feature)),
  );
  const mapping = columnMappingMode(wanted, protocol, place);
  const named = withMapping(wanted, schema, mapping);
  const metadata = { ...named, configuration: withoutFeatureSwitches(named.configuration) };
  const actions: Action[] = [];
  if (protocol !== snapshot.protocol) actions.push({ protocol });
  // Others that write at the same time give way to a metaData action, so there is none without need.
  if (!sameMetadata(metadata, snapshot.metadata)) actions.push({ metaData: metadata });
  return {
    schema: parseSchema(metadata.schemaString),
    mapping,
    metadata,
    actions,
  };
}

/** The files of a snapshot as the changed table reads them. For staging only: the log has no such version. */
export function evolvedSnapshot(snapshot: Snapshot, { schema, mapping, metadata }: ChangedTable): Snapshot {
  const { partitionColumns } = metadata;
  return {
    ...snapshot,
    schema,
    mapping,
    metadata,
    partitionColumns,
    physicalSchema: physicalSchema(schema, mapping),
    physicalPartitionColumns: partitionColumns.flatMap((column) => {
      const field = schema.fields.find(({ name }) => name === column);
      return field === undefined ? [] : physicalName(field, mapping);
    }),
  };
}
