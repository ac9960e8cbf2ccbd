export { acceptSchema, schemaVersion, schemaVersions } from './accept.js';
export { compareVersions, type SchemaComparison, shownVersion } from './compare.js';
export { classifyDrift, type Drift, driftWords, type LayoutColumn } from './drift.js';
export {
  acceptedFingerprints,
  type HistoryDeps,
  historyColumns,
  knownNames,
  readSchemaHistory,
  recordLayouts,
  type SchemaVersion,
} from './history.js';
export { mergeLayouts, newestVersion, type SeenFile, type SeenLayout } from './merge-layouts.js';
export type { SchemaPlan } from './model.js';
export { layoutFingerprint, tableNames } from './names.js';
export { planSchema } from './plan-schema.js';
