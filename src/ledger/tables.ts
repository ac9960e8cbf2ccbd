import { type DeltaSchema, schemaFromDuckdb, type TableDefinition } from '../delta/index.js';

export const MANIFEST_TABLE = 'metadata.ingestion_manifest';
export const EVENT_TABLE = 'metadata.ingestion_event';
export const QUARANTINE_TABLE = 'metadata.manifest_quarantine';
const CHECK_RESULT_TABLE = 'metadata.check_result';
/** One row per run and source of `ingest` (R21). */
export const RUN_TABLE = 'metadata.ingestion_run';
/** One row per layout that the files of a dataset came with (R17). */
export const SCHEMA_HISTORY_TABLE = 'metadata.schema_history';
/** Rows of files that could not be taken, with their text (R17, R18). */
export const REJECT_TABLE = 'metadata.reject';
/** One row per source: up to where a table was read (R20). A view of the events, written anew from them when it lacks something. */
export const WATERMARK_TABLE = 'metadata.watermark';

/** What makes two manifests one canonical row (Decision 1). */
export type LedgerKey = 'file_sha' | 'source_repo+file_path+file_sha';

/** The table property that remembers the key of a lake. */
export const KEY_PROPERTY = 'lakeledger.key';

type Columns = Readonly<Record<string, string>>;

/** What a manifest says, in both the canonical table and the event log; DuckDB types. */
const MANIFEST_FACTS: Columns = {
  file_sha: 'VARCHAR',
  source_repo: 'VARCHAR',
  file_path: 'VARCHAR',
  ingest_date: 'DATE',
  pull_ts_utc: 'TIMESTAMP WITH TIME ZONE',
  size_bytes: 'BIGINT',
  row_count_estimate: 'INTEGER',
  target_backend: 'VARCHAR',
  dest_path: 'VARCHAR',
  status: 'VARCHAR',
  error_message: 'VARCHAR',
  reprocess: 'BOOLEAN',
};

const MANIFEST_COLUMNS: Columns = {
  manifest_id: 'VARCHAR',
  ...MANIFEST_FACTS,
  updated_at: 'TIMESTAMP WITH TIME ZONE',
  meta: 'VARCHAR',
};

const EVENT_COLUMNS: Columns = {
  event_id: 'VARCHAR',
  event_date: 'DATE',
  recorded_at: 'TIMESTAMP WITH TIME ZONE',
  run_id: 'VARCHAR',
  actor: 'VARCHAR',
  event_type: 'VARCHAR',
  ledger_key: 'VARCHAR',
  from_status: 'VARCHAR',
  to_status: 'VARCHAR',
  reason: 'VARCHAR',
  dialect: 'VARCHAR',
  ...MANIFEST_FACTS,
  meta: 'VARCHAR',
  manifest: 'VARCHAR',
};

const QUARANTINE_COLUMNS: Columns = {
  quarantine_id: 'VARCHAR',
  quarantined_at: 'TIMESTAMP WITH TIME ZONE',
  run_id: 'VARCHAR',
  file: 'VARCHAR',
  line: 'BIGINT',
  field: 'VARCHAR',
  reason: 'VARCHAR',
  text: 'VARCHAR',
};

const CHECK_RESULT_COLUMNS: Columns = {
  run_id: 'VARCHAR',
  check_name: 'VARCHAR',
  check_version: 'INTEGER',
  sql_sha256: 'VARCHAR',
  params: 'VARCHAR',
  grain: 'VARCHAR',
  value: 'DOUBLE',
  level: 'VARCHAR',
  severity: 'VARCHAR',
  warn: 'VARCHAR',
  error: 'VARCHAR',
  row_count: 'BIGINT',
  samples: 'VARCHAR',
  message: 'VARCHAR',
  ledger_version: 'BIGINT',
  tool_version: 'VARCHAR',
  git_commit: 'VARCHAR',
  started_at: 'TIMESTAMP WITH TIME ZONE',
  duration_ms: 'BIGINT',
};

const RUN_COLUMNS: Columns = {
  run_id: 'VARCHAR',
  source_name: 'VARCHAR',
  source_type: 'VARCHAR',
  target: 'VARCHAR',
  execution_date: 'DATE',
  status: 'VARCHAR',
  files_processed: 'BIGINT',
  files_skipped: 'BIGINT',
  files_failed: 'BIGINT',
  row_count: 'BIGINT',
  bytes: 'BIGINT',
  checksum: 'VARCHAR',
  error_message: 'VARCHAR',
  started_at: 'TIMESTAMP WITH TIME ZONE',
  ended_at: 'TIMESTAMP WITH TIME ZONE',
  actor: 'VARCHAR',
  host: 'VARCHAR',
  pid: 'BIGINT',
};

const SCHEMA_HISTORY_COLUMNS: Columns = {
  dataset: 'VARCHAR',
  schema_version: 'BIGINT',
  fingerprint: 'VARCHAR',
  columns: 'VARCHAR',
  drift: 'VARCHAR',
  status: 'VARCHAR',
  first_file: 'VARCHAR',
  last_file: 'VARCHAR',
  first_sha: 'VARCHAR',
  first_seen_at: 'TIMESTAMP WITH TIME ZONE',
  last_seen_at: 'TIMESTAMP WITH TIME ZONE',
  first_business_date: 'DATE',
  last_business_date: 'DATE',
  accepted_at: 'TIMESTAMP WITH TIME ZONE',
  accepted_by: 'VARCHAR',
  reason: 'VARCHAR',
  run_id: 'VARCHAR',
};

const REJECT_COLUMNS: Columns = {
  reject_id: 'VARCHAR',
  rejected_at: 'TIMESTAMP WITH TIME ZONE',
  run_id: 'VARCHAR',
  source: 'VARCHAR',
  target: 'VARCHAR',
  file_path: 'VARCHAR',
  file_sha: 'VARCHAR',
  line: 'BIGINT',
  row_no: 'BIGINT',
  column_name: 'VARCHAR',
  kind: 'VARCHAR',
  error: 'VARCHAR',
  text: 'VARCHAR',
};

const WATERMARK_COLUMNS: Columns = {
  source_name: 'VARCHAR',
  target: 'VARCHAR',
  watermark_column: 'VARCHAR',
  watermark_value: 'VARCHAR',
  watermark_type: 'VARCHAR',
  late_from: 'VARCHAR',
  open_transactions: 'BIGINT',
  updated_at: 'TIMESTAMP WITH TIME ZONE',
  run_id: 'VARCHAR',
  reason: 'VARCHAR',
};

function schemaOf(columns: Columns): DeltaSchema {
  return schemaFromDuckdb(Object.entries(columns).map(([name, type]) => ({ name, type })));
}

/** A log of many small commits is opened faster than a checkpoint of it is written; 10, Delta's default, would cost more than it saves. */
const SMALL_COMMITS = { 'delta.checkpointInterval': '100' };

/** The tables of a ledger by name. `metadata.ingestion_manifest` has exactly the columns of the published DDL. */
export function ledgerTables(key: LedgerKey): Readonly<Record<string, TableDefinition>> {
  return {
    [MANIFEST_TABLE]: {
      schema: schemaOf(MANIFEST_COLUMNS),
      partitionColumns: ['ingest_date'],
      configuration: { 'delta.appendOnly': 'false', ...SMALL_COMMITS, [KEY_PROPERTY]: key },
      description: 'One canonical row per ingested file: a fold of metadata.ingestion_event',
    },
    [EVENT_TABLE]: {
      schema: schemaOf(EVENT_COLUMNS),
      partitionColumns: ['event_date'],
      configuration: { 'delta.appendOnly': 'true', ...SMALL_COMMITS },
      description: 'Append-only: one row per manifest received',
    },
    [QUARANTINE_TABLE]: {
      schema: schemaOf(QUARANTINE_COLUMNS),
      configuration: { 'delta.appendOnly': 'true', ...SMALL_COMMITS },
      description: 'Manifests that were rejected, with their text',
    },
    [CHECK_RESULT_TABLE]: {
      schema: schemaOf(CHECK_RESULT_COLUMNS),
      configuration: { 'delta.appendOnly': 'true', ...SMALL_COMMITS },
      description: 'Every value that a check measured',
    },
    [RUN_TABLE]: {
      schema: schemaOf(RUN_COLUMNS),
      configuration: SMALL_COMMITS,
      description: 'One row per run and source of ingest',
    },
    [WATERMARK_TABLE]: {
      schema: schemaOf(WATERMARK_COLUMNS),
      configuration: SMALL_COMMITS,
      description: 'Up to where each table was read, a view of the events',
    },
    [SCHEMA_HISTORY_TABLE]: {
      schema: schemaOf(SCHEMA_HISTORY_COLUMNS),
      configuration: SMALL_COMMITS,
      description: 'Every layout that the files of a dataset came with',
    },
    [REJECT_TABLE]: {
      schema: schemaOf(REJECT_COLUMNS),
      configuration: { 'delta.appendOnly': 'true', ...SMALL_COMMITS },
      description: 'Rows of files that could not be taken, with their text',
    },
  };
}
