export { LakeCatalog } from './catalog.js';
export { type BatchContext, Ledger } from './ledger.js';
export { assertCanonical, assertLakeFolder, createLedger, openLedger } from './open-ledger.js';
export { type RecordResult, record } from './record.js';
export {
  CHECK_RESULT_TABLE,
  EVENT_TABLE,
  type LedgerKey,
  ledgerTables,
  MANIFEST_TABLE,
  QUARANTINE_TABLE,
} from './tables.js';
