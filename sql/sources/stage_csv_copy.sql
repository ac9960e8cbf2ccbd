-- A large CSV file, in its order: the numbers of the rows are read from the copy, because a window over the CSV takes one thread.
COPY (SELECT {{columns}} FROM read_csv($file, {{options}}))
TO $copy (FORMAT parquet, COMPRESSION snappy)
