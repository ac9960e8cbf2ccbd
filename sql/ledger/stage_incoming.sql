-- A chunk of manifests, bound as one JSON array.
INSERT INTO incoming_manifest
SELECT
  $first_seq + row_number() OVER () AS seq,
  -- Decision 1: the content alone, or the content at one place.
  CASE WHEN $by_content THEN file_sha
       ELSE file_sha || '_' || left(sha256(coalesce(source_repo, '') || chr(10) || coalesce(file_path, '')), 16) END AS ledger_key,
  event_id, dialect, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
  target_backend, dest_path, status, error_message, reprocess, meta, manifest
FROM (
  SELECT unnest(from_json($rows, '[{
    "event_id": "VARCHAR", "dialect": "VARCHAR", "file_sha": "VARCHAR", "source_repo": "VARCHAR", "file_path": "VARCHAR",
    "ingest_date": "DATE", "pull_ts_utc": "TIMESTAMPTZ", "size_bytes": "BIGINT", "row_count_estimate": "INTEGER",
    "target_backend": "VARCHAR", "dest_path": "VARCHAR", "status": "VARCHAR", "error_message": "VARCHAR",
    "reprocess": "BOOLEAN", "meta": "VARCHAR", "manifest": "VARCHAR"
  }]'), max_depth := 2)
)
