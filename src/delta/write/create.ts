import { randomUUID } from 'node:crypto';
import { LakeError } from '../../base/lake-error.js';
import { hasLog } from '../log/segment.js';
import type { Action, Metadata } from '../protocol/actions.js';
import { type DeltaSchema, serializeSchema } from '../protocol/schema.js';
import { type CommitDeps, putCommit } from './commit.js';

export interface TableDefinition {
  readonly schema: DeltaSchema;
  readonly partitionColumns?: readonly string[];
  /** Table properties, e.g. `delta.appendOnly`. */
  readonly configuration?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly description?: string;
}

function hasNtz(schema: DeltaSchema): boolean {
  return serializeSchema(schema).includes('"timestamp_ntz"');
}

function assertDefinition({ schema, partitionColumns = [] }: TableDefinition, place: string): void {
  for (const column of partitionColumns) {
    const field = schema.fields.find((f) => f.name === column);
    if (field === undefined)
      throw new LakeError('DELTA_SCHEMA', `the partition column "${column}" is not in the schema`, { place });
    if (field.type.kind !== 'primitive') {
      throw new LakeError('DELTA_SCHEMA', `the partition column "${column}" is not of a primitive type`, { place });
    }
  }
  if (schema.fields.length === 0) throw new LakeError('DELTA_SCHEMA', 'a table needs at least one column', { place });
  if (partitionColumns.length === schema.fields.length) {
    throw new LakeError('DELTA_SCHEMA', 'a table needs a column that is not a partition column', { place });
  }
}

/**
 * Writes version 0 (reader 1, writer 2; reader 3, writer 7 with `timestampNtz` when the schema needs it).
 * `false` when the table is already there. Throws `DELTA_SCHEMA`, `STORAGE`.
 */
export async function createTable(deps: CommitDeps, definition: TableDefinition): Promise<boolean> {
  const { store, clock } = deps;
  assertDefinition(definition, store.root);
  // Version 0 of an old table may have been cleaned up: its absence does not say that there is no table.
  if (await hasLog(store)) return false;
  const txnId = randomUUID();
  const metadata: Metadata = {
    id: randomUUID(),
    ...(definition.name === undefined ? {} : { name: definition.name }),
    ...(definition.description === undefined ? {} : { description: definition.description }),
    format: { provider: 'parquet', options: {} },
    schemaString: serializeSchema(definition.schema),
    partitionColumns: definition.partitionColumns ?? [],
    configuration: definition.configuration ?? {},
    createdTime: clock.now(),
  };
  const actions: Action[] = [
    {
      commitInfo: {
        timestamp: clock.now(),
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
        txnId,
      },
    },
    {
      protocol: hasNtz(definition.schema)
        ? {
            minReaderVersion: 3,
            minWriterVersion: 7,
            readerFeatures: ['timestampNtz'],
            writerFeatures: ['appendOnly', 'invariants', 'timestampNtz'],
          }
        : { minReaderVersion: 1, minWriterVersion: 2 },
    },
    { metaData: metadata },
  ];
  return putCommit(store, { version: 0, actions }, txnId);
}
