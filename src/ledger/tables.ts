import { type DeltaSchema, schemaFromDuckdb, type TableDefinition } from '../delta/index.js';

export const MANIFEST_TABLE = 'metadata.ingestion_manifest';
export const EVENT_TABLE = 'metadata.ingestion_event';
export const QUARANTINE_TABLE = 'metadata.manifest_quarantine';
const CHECK_RESULT_TABLE = 'metadata.check_result';

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
  };
}
