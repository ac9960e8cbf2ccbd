import { LakeError } from '../../base/lake-error.js';
import type { Metadata, Protocol } from './actions.js';
import { writerFeatures } from './features.js';
import { type DeltaField, type DeltaType, parseSchema } from './schema.js';
import { TYPE_CHANGES } from './type-widening.js';

/** Features that readers must know too (PROTOCOL.md, "Valid Feature Names in Table Features"). */
const READER_FEATURES: ReadonlySet<string> = new Set([
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'typeWidening',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

/** The legacy versions that stand for a feature; others need reader 3 or writer 7. */
const LEGACY: Readonly<Record<string, readonly [reader: number, writer: number]>> = {
  appendOnly: [1, 2],
  invariants: [1, 2],
  checkConstraints: [1, 3],
  changeDataFeed: [1, 4],
  generatedColumns: [1, 4],
  columnMapping: [2, 5],
};

/** Properties that switch a feature on, and the value that does. */
const SWITCHES: readonly (readonly [property: string, value: string, feature: string])[] = [
  ['delta.appendOnly', 'true', 'appendOnly'],
  ['delta.checkpointPolicy', 'v2', 'v2Checkpoint'],
  ['delta.columnMapping.mode', 'id', 'columnMapping'],
  ['delta.columnMapping.mode', 'name', 'columnMapping'],
  ['delta.enableChangeDataFeed', 'true', 'changeDataFeed'],
  ['delta.enableDeletionVectors', 'true', 'deletionVectors'],
  ['delta.enableInCommitTimestamps', 'true', 'inCommitTimestamp'],
  ['delta.enableTypeWidening', 'true', 'typeWidening'],
];

/** Switches of features that lakeledger does not write. */
const REFUSED: readonly (readonly [property: string, feature: string])[] = [
  ['delta.enableRowTracking', 'rowTracking'],
  ['delta.enableIcebergCompatV1', 'icebergCompatV1'],
  ['delta.enableIcebergCompatV2', 'icebergCompatV2'],
  ['delta.enableIcebergCompatV3', 'icebergCompatV3'],
  ['delta.enableVariantShredding', 'variantShredding'],
];

/** Metadata of a column that only a feature gives a meaning to. */
const SCHEMA_MARKS: readonly (readonly [key: string, feature: string])[] = [
  ['delta.invariants', 'invariants'],
  ['delta.generationExpression', 'generatedColumns'],
  [TYPE_CHANGES, 'typeWidening'],
];

const FEATURE_PREFIX = 'delta.feature.';

function isOn(configuration: Metadata['configuration'], property: string, value = 'true'): boolean {
  return configuration[property]?.toLowerCase() === value;
}

function* fieldsIn(type: DeltaType): Generator<DeltaField> {
  const inner = type.kind === 'array' ? [type.element] : type.kind === 'map' ? [type.key, type.value] : [];
  for (const nested of inner) yield* fieldsIn(nested);
  for (const field of type.kind === 'struct' ? type.fields : []) {
    yield field;
    yield* fieldsIn(field.type);
  }
}

function holdsType(type: DeltaType, name: string): boolean {
  switch (type.kind) {
    case 'primitive':
      return type.name === name;
    case 'array':
      return holdsType(type.element, name);
    case 'map':
      return holdsType(type.key, name) || holdsType(type.value, name);
    case 'struct':
      return type.fields.some((field) => holdsType(field.type, name));
  }
}

function schemaFeatures(schemaString: string): string[] {
  const root: DeltaType = { kind: 'struct', fields: parseSchema(schemaString).fields };
  const fields = [...fieldsIn(root)];
  const marked = SCHEMA_MARKS.filter(([key]) => fields.some(({ metadata }) => metadata[key] !== undefined));
  return [...(holdsType(root, 'timestamp_ntz') ? ['timestampNtz'] : []), ...marked.map(([, feature]) => feature)];
}

/** The features that a table's properties and schema call for. Throws `DELTA_UNSUPPORTED` for one that is not written here. */
export function neededFeatures(metadata: Pick<Metadata, 'configuration' | 'schemaString'>): string[] {
  const { configuration, schemaString } = metadata;
  const refused = REFUSED.find(([property]) => isOn(configuration, property));
  if (refused !== undefined) {
    throw new LakeError(
      'DELTA_UNSUPPORTED',
      `"${refused[0]}" needs the Delta table feature "${refused[1]}", which lakeledger cannot write yet`,
    );
  }
  const needed = SWITCHES.filter(([property, value]) => isOn(configuration, property, value)).map(([, , name]) => name);
  needed.push(...schemaFeatures(schemaString));
  if (Object.keys(configuration).some((key) => key.startsWith('delta.constraints.'))) needed.push('checkConstraints');
  for (const key of Object.keys(configuration)) {
    if (key.startsWith(FEATURE_PREFIX)) needed.push(key.slice(FEATURE_PREFIX.length));
  }
  return [...new Set(needed)];
}

function hasFeature(protocol: Protocol, feature: string): boolean {
  // A preview of type widening stands for the feature.
  const names = writerFeatures(protocol);
  return names.includes(feature) || names.includes(`${feature}-preview`);
}

/**
 * The protocol with the features added: legacy versions as long as they can say it, else lists of features with what the
 * versions before stood for. The same object when nothing is missing (PROTOCOL.md, "Protocol Evolution", "Table Features").
 */
export function upgradeProtocol(protocol: Protocol, features: readonly string[]): Protocol {
  const missing = features.filter((feature) => !hasFeature(protocol, feature));
  if (missing.length === 0) return protocol;
  const legacy = missing.map((feature) => LEGACY[feature]);
  if (protocol.minWriterVersion < 7 && legacy.every((versions) => versions !== undefined)) {
    return {
      minReaderVersion: Math.max(protocol.minReaderVersion, ...legacy.map((versions) => versions?.[0] ?? 1)),
      minWriterVersion: Math.max(protocol.minWriterVersion, ...legacy.map((versions) => versions?.[1] ?? 1)),
    };
  }
  const writers = [...new Set([...writerFeatures(protocol), ...missing])];
  const forReaders = writers.filter((feature) => READER_FEATURES.has(feature));
  const readers = new Set([...(protocol.readerFeatures ?? []), ...forReaders]);
  const needsReader = protocol.minReaderVersion >= 3 || missing.some((feature) => READER_FEATURES.has(feature));
  return {
    minReaderVersion: needsReader ? 3 : protocol.minReaderVersion,
    minWriterVersion: 7,
    ...(needsReader ? { readerFeatures: [...readers].sort() } : {}),
    writerFeatures: writers.sort(),
  };
}

/** The protocol of a new table. */
export function newProtocol(metadata: Pick<Metadata, 'configuration' | 'schemaString'>): Protocol {
  return upgradeProtocol({ minReaderVersion: 1, minWriterVersion: 2 }, neededFeatures(metadata));
}

/** The configuration without the switches `delta.feature.*`, which say something about the protocol and are not kept. */
export function withoutFeatureSwitches(configuration: Metadata['configuration']): Metadata['configuration'] {
  return Object.fromEntries(Object.entries(configuration).filter(([key]) => !key.startsWith(FEATURE_PREFIX)));
}
