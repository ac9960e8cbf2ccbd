SELECT * REPLACE (
  execution_date::DATE AS execution_date,
  files_processed::BIGINT AS files_processed, files_skipped::BIGINT AS files_skipped, files_failed::BIGINT AS files_failed,
  row_count::BIGINT AS row_count, bytes::BIGINT AS bytes, pid::BIGINT AS pid,
  started_at::TIMESTAMPTZ AS started_at, ended_at::TIMESTAMPTZ AS ended_at
) FROM ingest_run_row
