-- The rows of one Parquet file of manifests; columns that stand only in the folder names are added as text.
SELECT *
FROM read_parquet($file, hive_partitioning = true, hive_types_autocast = false);
