-- The newest events that the filters let through, oldest of them first: of ingest and of record. A parameter that is NULL
-- does not filter. Whether bytes were delivered before is what record judges by; ingest knows better, and says so in the
-- status of its events.
WITH newest AS MATERIALIZED (
  SELECT recorded_at, event_type, to_status, status, source_repo, target_backend, dest_path, file_path, file_sha,
    row_count_estimate, error_message, reason, run_id, actor, pull_ts_utc, event_id, meta
  FROM ({{events}})
  WHERE ($source IS NULL OR source_repo = $source)
    AND ($path IS NULL OR file_path = $path OR ends_with(file_path, '/' || $path) OR ends_with($path, '/' || file_path))
    AND ($sha IS NULL OR starts_with(file_sha, $sha)
      OR (json_valid(meta) AND starts_with(meta::JSON->>'$.ingest.git_sha', $sha)))
    AND ($status IS NULL OR $status = CASE WHEN target_backend = 'DELTA' THEN status ELSE coalesce(to_status, status) END)
    AND ($type IS NULL OR event_type = $type)
    AND ($since IS NULL OR recorded_at >= CAST($since AS TIMESTAMPTZ))
    AND ($until IS NULL OR recorded_at < CAST($until AS TIMESTAMPTZ))
    AND ($run IS NULL OR starts_with(run_id, $run))
  ORDER BY recorded_at DESC, pull_ts_utc DESC, event_id DESC
  LIMIT $limit
)
SELECT recorded_at, event_type, CASE WHEN target_backend = 'DELTA' THEN status ELSE coalesce(to_status, status) END AS status,
  source_repo AS source, CASE WHEN target_backend = 'DELTA' THEN dest_path END AS target, file_path AS path, file_sha AS sha,
  CASE WHEN json_valid(meta) THEN meta::JSON->>'$.ingest.rule' END AS rule,
  coalesce(CASE WHEN json_valid(meta) THEN TRY_CAST(meta::JSON->>'$.ingest.rows' AS BIGINT) END, row_count_estimate) AS row_count,
  coalesce(error_message, CASE WHEN json_valid(meta) THEN meta::JSON->>'$.ingest.reason' END, reason) AS reason,
  run_id, actor, pull_ts_utc AS happened_at, event_id
FROM newest
ORDER BY recorded_at, happened_at, event_id
