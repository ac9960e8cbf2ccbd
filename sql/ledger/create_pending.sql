-- Events that are committed but not yet folded into the canonical table.
CREATE OR REPLACE TEMP TABLE pending_event AS
SELECT event_id, ledger_key, to_status, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes,
  row_count_estimate, target_backend, dest_path, status, error_message, reprocess, meta
FROM ({{relation}})
