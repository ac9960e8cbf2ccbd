-- Of rows that are equal as wholes, as many are left out as the target has.
COPY (
  SELECT extracted.* EXCLUDE (_equal)
  FROM (SELECT *, row_number() OVER (PARTITION BY _row_hash) AS _equal FROM read_parquet($file)) AS extracted
  LEFT JOIN (
    SELECT _row_hash AS _hash, count(*) AS _known FROM ({{known}}) WHERE _source_path = $path GROUP BY 1
  ) AS known ON extracted._row_hash = known._hash
  WHERE extracted._equal > coalesce(known._known, 0)
) TO $new_file (FORMAT parquet, COMPRESSION snappy)
