-- Texts of years 1 to 9999 are in the order of their times; the others are infinite or of other years.
SELECT
  max(value) FILTER (WHERE is_usual AND value <= $now) AS highest,
  count(*) FILTER (WHERE value = 'infinity' OR (is_usual AND value > $now) OR regexp_matches(value, '^\d{5,}-') AND NOT ends_with(value, 'C')) AS later,
  count(*) FILTER (WHERE value IS NULL) AS nulls
FROM (
  SELECT {{column}} AS value, regexp_full_match({{column}}, '\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d+)?(\+00)?)?') AS is_usual
  FROM read_parquet($file, hive_partitioning = false)
)
