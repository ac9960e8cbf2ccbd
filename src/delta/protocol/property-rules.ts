import { usageError } from '../../base/lake-error.js';
import { findNearest } from '../../base/nearest.js';
import { MAPPING_MODE, MAX_COLUMN_ID } from './column-mapping.js';
import { parseInterval } from './table-properties.js';

type Rule = (value: string) => boolean;

const flag: Rule = (value) => /^(?:true|false)$/i.test(value);
const wholeNumber: Rule = (value) => /^-?\d{1,15}$/.test(value);
const positive: Rule = (value) => /^[1-9]\d{0,14}$/.test(value);
const interval: Rule = (value) => parseInterval(value) !== undefined;
const text: Rule = () => true;
const bytes: Rule = (value) => /^\d+(?:b|kb?|mb?|gb?|tb?)?$/i.test(value);
const oneOf =
  (...values: readonly string[]): Rule =>
  (value) =>
    values.includes(value);

/** Properties that Delta knows, and what they may be (docs of Delta Lake, "Table properties"; PROTOCOL.md, "Table Properties"). */
const RULES: Readonly<Record<string, Rule>> = {
  'delta.appendOnly': flag,
  'delta.autoOptimize.autoCompact': oneOf('true', 'false', 'auto', 'legacy'),
  'delta.autoOptimize.optimizeWrite': flag,
  'delta.checkpoint.writeStatsAsJson': flag,
  'delta.checkpoint.writeStatsAsStruct': flag,
  'delta.checkpointInterval': positive,
  'delta.checkpointPolicy': oneOf('classic', 'v2'),
  'delta.columnMapping.mode': oneOf('none', 'name', 'id'),
  'delta.compatibility.symlinkFormatManifest.enabled': oneOf('false'),
  'delta.dataSkippingNumIndexedCols': wholeNumber,
  'delta.dataSkippingStatsColumns': text,
  'delta.dataSkippingStringPrefixLength': wholeNumber,
  'delta.deletedFileRetentionDuration': interval,
  'delta.enableChangeDataFeed': flag,
  'delta.enableDeletionVectors': flag,
  'delta.enableExpiredLogCleanup': flag,
  'delta.enableFullRetentionRollback': flag,
  'delta.enableIcebergCompatV1': oneOf('false'),
  'delta.enableIcebergCompatV2': oneOf('false'),
  'delta.enableInCommitTimestamps': flag,
  'delta.enableRowTracking': oneOf('false'),
  'delta.enableTypeWidening': flag,
  'delta.isolationLevel': oneOf('Serializable', 'WriteSerializable'),
  'delta.logRetentionDuration': interval,
  'delta.parquet.compression.codec': oneOf('snappy', 'zstd', 'gzip', 'uncompressed', 'lz4_raw', 'brotli'),
  'delta.randomizeFilePrefixes': flag,
  'delta.randomPrefixLength': positive,
  'delta.sampleRetentionDuration': interval,
  'delta.setTransactionRetentionDuration': interval,
  'delta.targetFileSize': bytes,
  'delta.tuneFileSizesForRewrites': flag,
};

/** Properties that the writer keeps itself. */
const INTERNAL: ReadonlySet<string> = new Set([
  MAX_COLUMN_ID,
  'delta.inCommitTimestampEnablementTimestamp',
  'delta.inCommitTimestampEnablementVersion',
  // They are the protocol's, which rises with what the table uses.
  'delta.minReaderVersion',
  'delta.minWriterVersion',
  'delta.rowTracking.materializedRowIdColumnName',
  'delta.rowTracking.materializedRowCommitVersionColumnName',
]);

/** Throws a usage error (exit 2) for a property that only the writer itself sets and removes. */
export function assertNotInternal(name: string): void {
  if (INTERNAL.has(name)) throw usageError(`"${name}" is kept by the writer and cannot be set or removed`);
}

/**
 * Throws a usage error (exit 2) for a property of Delta that is unknown, has an impossible value, or may not be set by hand. Names that do
 * not begin with `delta.` are the user's own.
 */
export function assertProperty(name: string, value: string): void {
  if (!name.startsWith('delta.') || name.startsWith('delta.feature.')) return;
  if (name.startsWith('delta.constraints.')) {
    throw usageError(`"${name}" is a constraint`, {
      hint: 'add it with addConstraint, which looks at the rows that are there',
    });
  }
  assertNotInternal(name);
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule === undefined) {
    const meant = findNearest(name, Object.keys(RULES));
    throw usageError(
      `Delta has no table property "${name}"`,
      meant === undefined ? {} : { hint: `did you mean "${meant}"?` },
    );
  }
  if (!rule(value)) throw usageError(`"${value}" is no value for the table property "${name}"`);
}

/** Throws a usage error for a change of the column mapping mode that existing files do not allow. */
export function assertMappingChange(before: string | undefined, after: string | undefined): void {
  const [from, to] = [before ?? 'none', after ?? 'none'];
  if (from === to || (from === 'none' && to === 'name')) return;
  throw usageError(`"${MAPPING_MODE}" cannot change from "${from}" to "${to}" on a table that is there`, {
    hint: 'only "none" to "name" is possible; a new table may have any mode',
  });
}
