INSERT INTO temp.{{table}}
SELECT $no, file_row_number + 1, {{columns}}
FROM read_parquet($file, file_row_number = true, hive_partitioning = false)
