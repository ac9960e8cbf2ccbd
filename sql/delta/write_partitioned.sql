-- New data files, one folder per partition; what the statement returns is all that `add` actions need.
COPY (SELECT {{columns}} FROM ({{relation}}) AS a)
TO $folder (FORMAT parquet, ROW_GROUP_SIZE 16384, PARTITION_BY ({{partitions}}), FILENAME_PATTERN '{{prefix}}-{uuid}', APPEND, RETURN_STATS, {{options}})
