export { LakeCatalog } from './catalog.js';
export { assertCanonical, assertLakeFolder, createLedger, missingTables, openLedger } from './open-ledger.js';
export { type RecordResult, record } from './record.js';
export {
  EVENT_TABLE,
  type LedgerKey,
  ledgerTables,
  MANIFEST_TABLE,
} from './tables.js';
