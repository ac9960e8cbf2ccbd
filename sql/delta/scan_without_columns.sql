-- The same for a table whose columns are all partition columns: only the rows of the files are counted.
SELECT {{columns}}
FROM read_parquet(getvariable('{{scan}}_files'))
