export { LakeCatalog } from './catalog.js';
export { assertCanonical, assertLakeFolder, createLedger, missingTables, openLedger } from './open-ledger.js';
export { type RecordResult, record } from './record.js';
export {
  type LedgerKey,
  ledgerTables,
  MANIFEST_TABLE,
} from './tables.js';
