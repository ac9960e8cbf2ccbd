-- Rows of a target by what they say they come from.
SELECT _source_path AS path, _file_sha AS sha, _run_id AS run_id, count(*) AS rows,
  NULL::BIGINT AS distinct_rows, min(_ingest_date)::VARCHAR AS ingest_date
FROM ({{relation}})
GROUP BY ALL
ORDER BY ingest_date, path, sha, run_id
