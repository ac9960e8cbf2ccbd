-- The beginnings of tries of batches after the last one that the event log tells the end of.
SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha, status,
  strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS at, error_message AS error, reprocess, size_bytes AS size,
  (meta::JSON->'ingest')::VARCHAR AS ingest
FROM ({{events}})
WHERE target_backend = 'DELTA' AND source_repo = $source AND dest_path = $target AND status = 'PROCESSING'
  AND json_valid(meta) AND (meta::JSON->>'$.ingest.batch')::BIGINT > $known
