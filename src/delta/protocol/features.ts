import { LakeError } from '../../base/lake-error.js';
import type { Metadata, Protocol } from './actions.js';

/** Features whose meaning a reader here knows. Legacy reader version 2 stands for columnMapping. */
const READABLE: ReadonlySet<string> = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'typeWidening',
  'typeWidening-preview',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

/** Features that a writer here keeps to. */
const WRITABLE: ReadonlySet<string> = new Set([
  'allowColumnDefaults',
  'appendOnly',
  'changeDataFeed',
  'checkConstraints',
  'clustering',
  'columnMapping',
  'deletionVectors',
  'domainMetadata',
  'generatedColumns',
  'inCommitTimestamp',
  'invariants',
  'timestampNtz',
  'typeWidening',
  'typeWidening-preview',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

/** What legacy writer versions stand for (PROTOCOL.md, "Writer Version Requirements"). */
const LEGACY_WRITER: readonly (readonly [number, string])[] = [
  [2, 'appendOnly'],
  [2, 'invariants'],
  [3, 'checkConstraints'],
  [4, 'changeDataFeed'],
  [4, 'generatedColumns'],
  [5, 'columnMapping'],
  [6, 'identityColumns'],
];

/** Features of columns of a type: writers may list them for tables that have no such column (delta-rs does). */
const OF_COLUMNS: Readonly<Record<string, string>> = {
  identityColumns: 'delta.identity.',
  variantShredding: '"variant"',
  'variantShredding-preview': '"variant"',
  variantType: '"variant"',
  'variantType-preview': '"variant"',
};

/** Whether a table allows a feature without using it. */
function isIdle(feature: string, { schemaString }: Pick<Metadata, 'schemaString'>): boolean {
  const sign = Object.hasOwn(OF_COLUMNS, feature) ? OF_COLUMNS[feature] : undefined;
  return sign !== undefined && !schemaString.includes(sign);
}

/** Features that stop this table from being read, by name; empty when it can be read. */
export function unreadableFeatures(protocol: Protocol, metadata: Pick<Metadata, 'schemaString'>): string[] {
  if (protocol.minReaderVersion > 3) return [`reader version ${protocol.minReaderVersion}`];
  if (protocol.minReaderVersion < 3) return [];
  return (protocol.readerFeatures ?? []).filter((name) => !READABLE.has(name) && !isIdle(name, metadata));
}

/** Names of the features that a writer must keep to: those listed, or those that a legacy version stands for. */
export function writerFeatures(protocol: Protocol): readonly string[] {
  const version = protocol.minWriterVersion;
  if (version >= 7) return protocol.writerFeatures ?? [];
  const allowed = LEGACY_WRITER.filter(([since]) => since <= version).map(([, feature]) => feature);
  // Column mapping asks something of readers, too: without reader version 2 the table does not have it.
  return protocol.minReaderVersion >= 2 ? allowed : allowed.filter((feature) => feature !== 'columnMapping');
}

/** Features that stop this table from being written, by name; empty when it can be written. */
export function unwritableFeatures(protocol: Protocol, metadata: Metadata): string[] {
  if (protocol.minWriterVersion > 7) return [`writer version ${protocol.minWriterVersion}`];
  return writerFeatures(protocol).filter((name) => !WRITABLE.has(name) && !isIdle(name, metadata));
}

function refuse(action: 'read' | 'write', features: readonly string[], place: string): never {
  const names = features.map((feature) => `"${feature}"`).join(', ');
  const plural = features.length > 1 ? 'features' : 'feature';
  throw new LakeError(
    'DELTA_UNSUPPORTED',
    `this table uses the Delta table ${plural} ${names}, which lakeledger cannot ${action} yet`,
    {
      place,
      hint: `use a tool that supports ${names}, or copy the table without it`,
    },
  );
}

/** Throws `DELTA_UNSUPPORTED` naming each feature that keeps us from reading. `place` is `table@version`. */
export function assertReadable(protocol: Protocol, metadata: Pick<Metadata, 'schemaString'>, place: string): void {
  const features = unreadableFeatures(protocol, metadata);
  if (features.length > 0) refuse('read', features, place);
}

/** Throws `DELTA_UNSUPPORTED` naming each feature that keeps us from writing. `place` is `table@version`. */
export function assertWritable(protocol: Protocol, metadata: Metadata, place: string): void {
  const features = unwritableFeatures(protocol, metadata);
  if (features.length > 0) refuse('write', features, place);
}
