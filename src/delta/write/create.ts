import { randomUUID } from 'node:crypto';
import { hasLog } from '../log/segment.js';
import type { CommitInfo, Metadata, Protocol } from '../protocol/actions.js';
import { columnMappingMode, withoutMapping } from '../protocol/column-mapping.js';
import { assertWritable } from '../protocol/features.js';
import { assertProperty } from '../protocol/property-rules.js';
import { type DeltaSchema, serializeSchema } from '../protocol/schema.js';
import { newProtocol, withoutFeatureSwitches } from '../protocol/upgrade.js';
import { type CommitDeps, putCommit } from './commit.js';
import { assertFeedNames, assertPartitions, withMapping } from './table-metadata.js';

export interface TableDefinition {
  readonly schema: DeltaSchema;
  readonly partitionColumns?: readonly string[];
  /** Table properties, e.g. `delta.appendOnly`. */
  readonly configuration?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly description?: string;
}

function newTable(definition: TableDefinition, now: number, place: string): { protocol: Protocol; metadata: Metadata } {
  const { partitionColumns = [], configuration = {}, name, description } = definition;
  const schema = { fields: withoutMapping(definition.schema.fields) };
  const plain: Metadata = {
    id: randomUUID(),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    format: { provider: 'parquet', options: {} },
    schemaString: serializeSchema(schema),
    partitionColumns,
    configuration,
    createdTime: now,
  };
  const protocol = newProtocol(plain);
  const metadata = withMapping(plain, schema, columnMappingMode(plain, protocol, place));
  assertWritable(protocol, metadata, place);
  return { protocol, metadata: { ...metadata, configuration: withoutFeatureSwitches(metadata.configuration) } };
}

/** Constraints may come with a table: there are no rows yet that could break them. */
function assertProperties(configuration: Metadata['configuration']): void {
  for (const [name, value] of Object.entries(configuration)) {
    if (!name.startsWith('delta.constraints.')) assertProperty(name, value);
  }
}

function createInfo(
  deps: CommitDeps,
  metadata: Metadata,
  at: { readonly now: number; readonly txnId: string },
): CommitInfo {
  const stamped = metadata.configuration['delta.enableInCommitTimestamps']?.toLowerCase() === 'true';
  return {
    ...(stamped ? { inCommitTimestamp: at.now } : {}),
    timestamp: at.now,
    operation: 'CREATE TABLE',
    operationParameters: {
      isManaged: 'false',
      partitionBy: JSON.stringify(metadata.partitionColumns),
      properties: JSON.stringify(metadata.configuration),
      description: metadata.description ?? null,
    },
    isolationLevel: 'Serializable',
    isBlindAppend: true,
    operationMetrics: {},
    engineInfo: deps.engineInfo,
    txnId: at.txnId,
  };
}

/**
 * Writes version 0, with the lowest protocol that the schema and the properties allow. `false` when the table is already there.
 * Throws `DELTA_SCHEMA`, `DELTA_UNSUPPORTED` for a property whose feature is not written here, `STORAGE`.
 */
export async function createTable(deps: CommitDeps, definition: TableDefinition): Promise<boolean> {
  const { store, clock } = deps;
  assertPartitions(definition.schema, definition.partitionColumns ?? [], store.root);
  assertFeedNames(definition.schema, definition.configuration ?? {}, store.root);
  assertProperties(definition.configuration ?? {});
  // Version 0 of an old table may have been cleaned up: its absence does not say that there is no table.
  if (await hasLog(store)) return false;
  const txnId = randomUUID();
  const now = clock.now();
  const { protocol, metadata } = newTable(definition, now, store.root);
  const info = createInfo(deps, metadata, { now, txnId });
  return putCommit(store, { version: 0, actions: [{ commitInfo: info }, { protocol }, { metaData: metadata }] }, txnId);
}
