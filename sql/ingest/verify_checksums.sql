SELECT _source_path AS path, _file_sha AS sha, count(*) AS rows, coalesce(sum(CAST(_row_hash AS HUGEINT)), 0)::VARCHAR AS hash_sum
FROM ({{relation}})
GROUP BY ALL
