export { LakeError } from './base/lake-error.js';
export {
  type AdHocRequest,
  adHocSource,
  type BatchEntry,
  Ingestor,
  type IngestorOptions,
  type IngestRequest,
  type IngestResult,
  type IngestStats,
  type ResolvedSource,
  resolveSource,
  type SourceOverrides,
  type Transform,
  type TransformSource,
} from './ingest/index.js';
export { Lake, type LakeOptions, type RecordOptions, type RecordResult, type SelectOptions } from './lake.js';
