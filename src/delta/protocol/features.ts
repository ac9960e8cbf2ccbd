import { LakeError } from '../../base/lake-error.js';
import type { Metadata, Protocol } from './actions.js';

/** Features whose meaning a reader here knows. Legacy reader version 2 stands for columnMapping. */
const READABLE: ReadonlySet<string> = new Set(['timestampNtz', 'vacuumProtocolCheck']);

/** Features that a writer here keeps to. */
const WRITABLE: ReadonlySet<string> = new Set(['appendOnly', 'invariants', 'timestampNtz', 'vacuumProtocolCheck']);

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

function columnMappingActive(metadata: Metadata): boolean {
  return (metadata.configuration['delta.columnMapping.mode'] ?? 'none') !== 'none';
}

/** Whether a table uses a feature, as opposed to merely allowing it. */
function isUsed(feature: string, metadata: Metadata): boolean {
  const config = metadata.configuration;
  switch (feature) {
    case 'checkConstraints':
      return Object.keys(config).some((key) => key.startsWith('delta.constraints.'));
    case 'changeDataFeed':
      return config['delta.enableChangeDataFeed']?.toLowerCase() === 'true';
    case 'columnMapping':
      return columnMappingActive(metadata);
    case 'generatedColumns':
      return metadata.schemaString.includes('delta.generationExpression');
    case 'identityColumns':
      return metadata.schemaString.includes('delta.identity.');
    case 'invariants':
      return metadata.schemaString.includes('delta.invariants');
    default:
      return true;
  }
}

/** Features that stop this table from being read, by name; empty when it can be read. */
export function unreadableFeatures(protocol: Protocol, metadata: Metadata): string[] {
  if (protocol.minReaderVersion > 3) return [`reader version ${protocol.minReaderVersion}`];
  if (protocol.minReaderVersion === 3) {
    return (protocol.readerFeatures ?? []).filter(
      (feature) => !READABLE.has(feature) && (feature !== 'columnMapping' || columnMappingActive(metadata)),
    );
  }
  return protocol.minReaderVersion === 2 && columnMappingActive(metadata) ? ['columnMapping'] : [];
}

/** Features that stop this table from being written, by name; empty when it can be written. */
export function unwritableFeatures(protocol: Protocol, metadata: Metadata): string[] {
  const version = protocol.minWriterVersion;
  if (version > 7) return [`writer version ${version}`];
  const active =
    version === 7
      ? (protocol.writerFeatures ?? [])
      : LEGACY_WRITER.filter(([since]) => since <= version).map(([, feature]) => feature);
  return active.filter((feature) => {
    if (feature === 'invariants') return isUsed(feature, metadata);
    if (WRITABLE.has(feature)) return false;
    // A named feature may carry duties even when its property is off, except for these, which need a property or schema entry.
    return version < 7 ||
      ['checkConstraints', 'changeDataFeed', 'columnMapping', 'generatedColumns', 'identityColumns'].includes(feature)
      ? isUsed(feature, metadata)
      : true;
  });
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
export function assertReadable(protocol: Protocol, metadata: Metadata, place: string): void {
  const features = unreadableFeatures(protocol, metadata);
  if (features.length > 0) refuse('read', features, place);
}

/** Throws `DELTA_UNSUPPORTED` naming each feature that keeps us from writing. `place` is `table@version`. */
export function assertWritable(protocol: Protocol, metadata: Metadata, place: string): void {
  const features = unwritableFeatures(protocol, metadata);
  if (features.length > 0) refuse('write', features, place);
}
