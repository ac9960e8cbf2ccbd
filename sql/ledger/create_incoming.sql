-- Manifests of this batch as they passed validation, before anything is decided about them.
CREATE OR REPLACE TEMP TABLE incoming_manifest (
  seq BIGINT,
  ledger_key VARCHAR,
  event_id VARCHAR,
  dialect VARCHAR,
  file_sha VARCHAR,
  source_repo VARCHAR,
  file_path VARCHAR,
  ingest_date DATE,
  pull_ts_utc TIMESTAMPTZ,
  size_bytes BIGINT,
  row_count_estimate INTEGER,
  target_backend VARCHAR,
  dest_path VARCHAR,
  status VARCHAR,
  error_message VARCHAR,
  reprocess BOOLEAN,
  meta VARCHAR,
  manifest VARCHAR
)
