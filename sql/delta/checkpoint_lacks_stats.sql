-- Whether a file of the checkpoint has no statistics as JSON.
SELECT count("add"."stats") < count("add"."path") AS lacks
FROM read_parquet($file)
