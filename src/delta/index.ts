export { DeltaTable, type DeltaTableOptions, type VersionAt } from './delta-table.js';
export type { Commit } from './log/commit-file.js';
export type { HistoryEntry } from './log/history.js';
export { bindScan, FILE_INDEX, FILE_ROW, type ScanRequest } from './log/scan.js';
export type { Snapshot } from './log/snapshot.js';
export { byteCount } from './maintain/byte-count.js';
export type { CleanLogRequest, CleanLogResult } from './maintain/clean-log.js';
export type { OptimizeRequest, OptimizeResult } from './maintain/optimize.js';
export type { RestoreOptions, RestoreResult } from './maintain/restore.js';
export type { VacuumRequest, VacuumResult } from './maintain/vacuum.js';
export type { Finding, FindingKind, VerifyRequest, VerifyResult } from './maintain/verify.js';
export { type OpenTable, type OpenTableOptions, openTable, sql } from './open-table.js';
export type { Action, AddFile, CdcFile, Metadata, Protocol, RemoveFile, Txn } from './protocol/actions.js';
export { schemaFromDuckdb } from './protocol/duckdb-types.js';
export { assertWritable } from './protocol/features.js';
export { type DeltaField, type DeltaSchema, type DeltaType, duckdbType as duckdbTypeOf } from './protocol/schema.js';
export type { FieldPath } from './protocol/schema-evolution.js';
export { parseStats } from './protocol/stats.js';
export type { ChangeBound, ChangeFeed, ChangesRequest } from './query/changes.js';
export { type ParsedSelect, parseSelect } from './query/parse-select.js';
export {
  type QueryTable,
  type ScannedFiles,
  type SelectRequest,
  select,
  selectStream,
  type TableResolver,
} from './query/select.js';
export { TableAlterations, type WriteResult } from './table-alterations.js';
export type { AppendRequest, OverwriteRequest } from './write/add-rows.js';
export type { Alteration } from './write/alter-table.js';
export type { CommitResult, Stage } from './write/commit.js';
export type { ConditionRequest } from './write/condition.js';
export { type Conflict, type ConflictKind, NO_READS, type Reads } from './write/conflicts.js';
export type { TableDefinition } from './write/create.js';
export type { WriteDeps } from './write/data-files.js';
export {
  LOCATED,
  type LocatedRows,
  type LocateRequest,
  locateRows,
  type MergeCounts,
  type MergeRequest,
  type StagedMerge,
  stageMerge,
} from './write/merge.js';
export type {
  MatchedClause,
  MergeIntoRequest,
  NotMatchedBySourceClause,
  NotMatchedClause,
} from './write/merge-into.js';
export type { RowCounts } from './write/row-changes.js';
export type { UpdateRequest } from './write/rows-where.js';
