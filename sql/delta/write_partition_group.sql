-- The same for some of the partitions.
COPY (SELECT {{columns}} FROM temp.{{stage}} WHERE _write_group = $group)
TO $folder (FORMAT parquet, ROW_GROUP_SIZE 16384, PARTITION_BY ({{partitions}}), FILENAME_PATTERN '{{prefix}}-{uuid}', APPEND, RETURN_STATS, {{options}})
