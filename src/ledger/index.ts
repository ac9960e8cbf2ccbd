export { LakeCatalog } from './catalog.js';
export type { Ledger } from './ledger.js';
export { assertCanonical, assertLakeFolder, createLedger, missingTables, openLedger } from './open-ledger.js';
export { type RecordResult, record } from './record.js';
export { Staging } from './staging.js';
export {
  EVENT_TABLE,
  type LedgerKey,
  ledgerTables,
  MANIFEST_TABLE,
  REJECT_TABLE,
  RUN_TABLE,
  SCHEMA_HISTORY_TABLE,
  WATERMARK_TABLE,
} from './tables.js';
