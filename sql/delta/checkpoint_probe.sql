SELECT {{value}} AS value FROM read_parquet($file) LIMIT 0
