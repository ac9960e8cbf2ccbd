SELECT CAST({{highest}} AS VARCHAR) AS highest, 0 AS later, count(*) FILTER (WHERE {{column}} IS NULL) AS nulls
FROM read_parquet($file, hive_partitioning = false)
