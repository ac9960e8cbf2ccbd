-- One event of a source and target, if there is any.
SELECT 1 AS found
FROM ({{events}})
WHERE target_backend = 'DELTA' AND ($source IS NULL OR source_repo = $source) AND dest_path = $target
LIMIT 1
