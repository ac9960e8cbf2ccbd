-- The rows that some files have in a target, by file and bytes.
SELECT _source_path AS path, _file_sha AS sha, count(*) AS row_count
FROM ({{relation}})
WHERE _source_path IN (SELECT unnest($paths::VARCHAR[]))
GROUP BY ALL
