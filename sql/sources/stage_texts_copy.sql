-- Rows of a large JSON file, one array of text per line; an array ends with the last column known when it was written.
COPY (
  SELECT {{values}}
  FROM read_json($file, format = 'newline_delimited', records = false, columns = {v: 'VARCHAR[]'}, auto_detect = false,
    maximum_object_size = $max_line)
)
TO $copy (FORMAT parquet, COMPRESSION snappy)
