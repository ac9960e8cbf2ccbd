COPY (SELECT *, false AS _deleted FROM read_parquet($file) WHERE $path IS NOT NULL) TO $new_file (FORMAT parquet, COMPRESSION snappy)
