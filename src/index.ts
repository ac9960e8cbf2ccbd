export { LakeError } from './base/lake-error.js';
export {
  type AdHocRequest,
  adHocSource,
  type BatchEntry,
  type BusinessDates,
  type DatePolicy,
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
export {
  type DownloadEvent,
  RegisterFactory,
  type RegisterHealth,
  type RegisterManager,
  type RegisterOptions,
  type RegisterRecord,
  type RegisterScan,
  type RegisterSource,
  type RegisterState,
  type RegisterType,
  type RegisterUpdate,
  registerName,
  scanRegisters,
} from './manifest/index.js';
export { LocalStore } from './storage/local-store.js';
export type { ObjectStore } from './storage/object-store.js';
