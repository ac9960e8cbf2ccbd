-- What happened to files on their way into bronze tables. A parameter that is NULL does not filter. With $loose a path also
-- stands for those that end with it, or that it ends with: a person names a file from the folder they are in.
SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha, status,
  strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') AS at, error_message AS error, reprocess, size_bytes AS size,
  (CASE WHEN json_valid(meta) THEN meta::JSON->'ingest' END)::VARCHAR AS ingest
FROM ({{events}})
WHERE target_backend = 'DELTA'
  AND ($source IS NULL OR source_repo = $source)
  AND ($target IS NULL OR dest_path = $target)
  AND ($path IS NULL OR file_path = $path
    OR ($loose AND (ends_with(file_path, '/' || $path) OR ends_with($path, '/' || file_path))))
  AND ($sha IS NULL OR starts_with(file_sha, $sha)
    OR (json_valid(meta) AND starts_with(meta::JSON->>'$.ingest.git_sha', $sha)))
  AND ($date IS NULL OR ingest_date = TRY_CAST($date AS DATE)
    OR (json_valid(meta) AND (meta::JSON->>'$.ingest.business_date') = $date))
  AND json_valid(meta) AND json_type(meta::JSON->'ingest') = 'OBJECT'
