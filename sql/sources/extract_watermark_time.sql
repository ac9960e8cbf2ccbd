SELECT
  CAST(max({{column}}) FILTER (WHERE {{column}} <= CAST($now AS {{type}})) AS VARCHAR) AS highest,
  count(*) FILTER (WHERE {{column}} > CAST($now AS {{type}})) AS later,
  count(*) FILTER (WHERE {{column}} IS NULL) AS nulls
FROM read_parquet($file, hive_partitioning = false)
