-- Rows that differ from what the target has last for their key.
COPY (
  SELECT extracted.*
  FROM read_parquet($file) AS extracted
  LEFT JOIN (
    -- A tombstone has no hash, and no row is like it.
    SELECT {{key}} AS _key, arg_max(coalesce(_row_hash, 0), epoch_us(_extracted_at)::HUGEINT * 1000000000000 + _row_no) AS _hash
    FROM ({{known}})
    WHERE _source_path = $path
    GROUP BY 1
  ) AS known ON {{key}} IS NOT DISTINCT FROM known._key
  WHERE known._hash IS NULL OR known._hash <> extracted._row_hash
) TO $new_file (FORMAT parquet, COMPRESSION snappy)
