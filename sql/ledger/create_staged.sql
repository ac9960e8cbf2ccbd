-- One row per key that has new events: the canonical row as it will be.
CREATE OR REPLACE TEMP TABLE staged_manifest (
  manifest_id VARCHAR,
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
  updated_at TIMESTAMPTZ,
  meta VARCHAR
)
