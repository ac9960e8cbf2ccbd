-- All events of the files (path and bytes) that may have a PROCESSING event without an end; the order of events, which SQL
-- does not know, decides in the end. A run ends what it began itself, so a beginning without a later event of the same run
-- is suspicious; only for those is the JSON looked at, where a run that recovers another one names it.
WITH begun AS MATERIALIZED (
  SELECT source_repo, dest_path, file_path, file_sha
  FROM ({{events}})
  WHERE target_backend = 'DELTA'
    AND ($source IS NULL OR source_repo = $source)
    AND ($target IS NULL OR dest_path = $target)
    AND (status = 'PROCESSING' OR NOT reprocess)
  GROUP BY source_repo, dest_path, file_path, file_sha, run_id
  HAVING max(pull_ts_utc) FILTER (status = 'PROCESSING') >= coalesce(max(pull_ts_utc) FILTER (status <> 'PROCESSING'), '-infinity')
),
found AS MATERIALIZED (
  SELECT *
  FROM ({{events}})
  SEMI JOIN begun USING (source_repo, dest_path, file_path, file_sha)
  WHERE target_backend = 'DELTA'
)
SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha, status,
  strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS at, error_message AS error, reprocess, size_bytes AS size,
  (meta::JSON->'ingest')::VARCHAR AS ingest
FROM found
WHERE json_valid(meta) AND json_type(meta::JSON->'ingest') = 'OBJECT'
