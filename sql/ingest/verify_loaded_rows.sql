-- The same with the number of different rows of each file: a row number twice is a row twice.
SELECT _source_path AS path, _file_sha AS sha, _run_id AS run_id, count(*) AS rows,
  count(DISTINCT _row_no) AS distinct_rows, min(_ingest_date)::VARCHAR AS ingest_date
FROM ({{relation}})
GROUP BY _source_path, _file_sha, _run_id
ORDER BY ingest_date, path, sha, run_id
