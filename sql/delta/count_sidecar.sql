SELECT count("add"."path") AS adds, count(remove.path) AS removes, coalesce(sum("add".size), 0)::VARCHAR AS bytes
FROM read_parquet($file)
