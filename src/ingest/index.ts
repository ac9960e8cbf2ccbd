export { RunManifests } from '../ledger/runs/run-manifests.js';
export {
  type AdHocRequest,
  adHocSource,
  type ResolvedSource,
  resolveSource,
  type SourceOverrides,
} from './config/source-config.js';
export { type IngestDeps, STEPS, type Step } from './context.js';
export type { DatePolicy } from './dates/calendar.js';
export type { BusinessDates } from './dates/plan-dates.js';
export { discoverLatestSuccessfulDate, discoverNextBusinessDate } from './dates/read-dates.js';
export { readFileEvents } from './events/read-events.js';
export { type IngestHooks, ingest, planIngest } from './ingest.js';
export { type BatchEntry, Ingestor, type IngestorOptions, type IngestStats } from './ingestor.js';
export type { Transform, TransformSource } from './load/batch-rows.js';
export { LakeState } from './manage/lake-state.js';
export type * from './model.js';
export { assertLedgerKept } from './plan/view.js';
export { reprocess } from './reprocess.js';
export type * from './result.js';
