read_parquet($file)
