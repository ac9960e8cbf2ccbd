COPY (SELECT {{columns}} FROM ({{relation}}))
TO $file (FORMAT parquet, COMPRESSION {{codec}}, RETURN_STATS)
