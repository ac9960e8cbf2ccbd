-- The events that decisions about some files rest on: those of the files' paths, of all paths that ever had bytes of
-- theirs, and of all paths that ever had bytes of those. Few of a million are, so only narrow columns are looked at first.
WITH event AS MATERIALIZED (
  SELECT file_path, file_sha
  FROM ({{events}})
  WHERE target_backend = 'DELTA' AND ($source IS NULL OR source_repo = $source) AND dest_path = $target
),
delivered AS (
  SELECT DISTINCT file_path
  FROM event
  WHERE file_path IN (SELECT unnest($paths::VARCHAR[])) OR file_sha IN (SELECT unnest($shas::VARCHAR[]))
),
content AS (
  SELECT DISTINCT file_sha FROM event SEMI JOIN delivered USING (file_path)
),
related AS (
  SELECT DISTINCT file_path FROM event SEMI JOIN content USING (file_sha)
),
found AS MATERIALIZED (
  SELECT source_repo, dest_path, file_path, file_sha, status, pull_ts_utc, error_message, reprocess, size_bytes, meta
  FROM ({{events}})
  SEMI JOIN related USING (file_path)
  WHERE target_backend = 'DELTA' AND ($source IS NULL OR source_repo = $source) AND dest_path = $target
)
SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha, status,
  strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS at, error_message AS error, reprocess, size_bytes AS size,
  (meta::JSON->'ingest')::VARCHAR AS ingest
FROM found
WHERE json_valid(meta) AND json_type(meta::JSON->'ingest') = 'OBJECT'
