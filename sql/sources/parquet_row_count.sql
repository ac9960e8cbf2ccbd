-- The rows of a Parquet file; DuckDB answers from the footer.
SELECT count(*) AS row_count
FROM read_parquet($file, hive_partitioning = false);
