-- A large CSV file, in its order: the numbers of the rows are read from the copy, because a window over the CSV takes one thread.
-- The copy is read twice and removed: packing it, or looking for equal texts, takes a third longer than it saves.
COPY (SELECT {{columns}} FROM read_csv($file, {{options}}))
TO $copy (FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)
