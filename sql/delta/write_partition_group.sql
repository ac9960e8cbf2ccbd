-- The same for some of the partitions.
COPY (SELECT {{columns}} FROM _write_rows WHERE _write_group = $group)
TO $folder (FORMAT parquet, ROW_GROUP_SIZE 16384, PARTITION_BY ({{partitions}}), FILENAME_PATTERN 'part-{uuid}', APPEND, RETURN_STATS, {{options}})
