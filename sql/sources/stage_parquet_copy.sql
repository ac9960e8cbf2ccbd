-- Read where it can do no harm, and written again by DuckDB itself.
COPY (SELECT * FROM read_parquet($file, hive_partitioning = false) AS t({{columns}}))
TO $copy (FORMAT parquet, COMPRESSION snappy)
