-- Runs, newest first. A parameter that is NULL does not filter.
SELECT run_id, source_name AS source, target, status, started_at, ended_at,
  round(epoch(ended_at) - epoch(started_at), 3) AS seconds,
  files_processed AS processed, files_skipped AS skipped, files_failed AS failed, row_count AS rows, bytes,
  execution_date, error_message AS error, actor, host, pid, checksum
FROM ({{runs}})
WHERE ($source IS NULL OR source_name = $source)
  AND ($status IS NULL OR status = $status)
  AND ($run IS NULL OR starts_with(run_id, $run))
ORDER BY started_at DESC, run_id, source_name, target
LIMIT $limit
