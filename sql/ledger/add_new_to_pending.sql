INSERT INTO pending_event BY NAME
SELECT event_id, ledger_key, to_status, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes,
  row_count_estimate, target_backend, dest_path, status, error_message, reprocess, meta
FROM new_event
