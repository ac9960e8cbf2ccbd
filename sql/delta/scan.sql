-- Rows of chosen data files of one version. The variables hold the file names, the schema by name (so that a column
-- that an older file does not have is NULL, and every file is read with the table's types) and, per partition
-- column, the value of each file: a partition value comes from the log, never from a path.
SELECT {{columns}}
FROM read_parquet(
  getvariable('{{scan}}_files'),
  schema = getvariable('{{scan}}_schema'),
  hive_partitioning = false,
  binary_as_string = {{as_string}}
)
{{kept}}
