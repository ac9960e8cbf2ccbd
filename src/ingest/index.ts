export type { Transform, TransformSource } from './batch-rows.js';
export { type IngestDeps, STEPS, type Step } from './context.js';
export { type IngestHooks, ingest, planIngest } from './ingest.js';
export { type BatchEntry, Ingestor, type IngestorOptions, type IngestStats } from './ingestor.js';
export { LakeState } from './lake-state.js';
export type * from './model.js';
export { readFileEvents } from './read-events.js';
export { reprocess } from './reprocess.js';
export type * from './result.js';
export {
  type AdHocRequest,
  adHocSource,
  type ResolvedSource,
  resolveSource,
  type SourceOverrides,
} from './source-config.js';
export { assertLedgerKept } from './view.js';
