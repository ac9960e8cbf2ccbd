COPY {{table}} TO $file (FORMAT parquet, COMPRESSION zstd, RETURN_STATS)
