read_parquet($file, hive_partitioning = false)
