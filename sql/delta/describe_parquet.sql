-- The columns of Parquet files, without reading rows.
DESCRIBE SELECT * FROM read_parquet($files)
