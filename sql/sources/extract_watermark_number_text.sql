-- Numbers of any size, rounded down; NaN and infinities are none.
SELECT
  CAST(max(TRY_CAST(split_part({{column}}, '.', 1) AS BIGNUM) - CAST(starts_with({{column}}, '-') AND contains({{column}}, '.') AS INTEGER)::BIGNUM) AS VARCHAR) AS highest,
  0 AS later,
  count(*) FILTER (WHERE {{column}} IS NULL) AS nulls
FROM read_parquet($file, hive_partitioning = false)
