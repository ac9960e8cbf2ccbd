-- The leaves of add.stats_parsed that hold something, by the statistics of Parquet: of hundreds of columns few may.
SELECT path_in_schema AS path
FROM parquet_metadata($file)
WHERE starts_with(path_in_schema, 'add, stats_parsed, ')
GROUP BY path_in_schema
HAVING bool_or(coalesce(stats_null_count < num_values, true))
ORDER BY min(column_id)
