-- New data files, one folder per partition; what the statement returns is all that `add` actions need.
COPY (SELECT {{names}} FROM _write_rows WHERE _write_group = $group)
TO $folder (FORMAT parquet, COMPRESSION {{codec}}, PARTITION_BY ({{partitions}}), FILENAME_PATTERN 'part-{uuid}', APPEND, RETURN_STATS)
