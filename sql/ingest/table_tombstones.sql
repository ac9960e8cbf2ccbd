-- The rows of a table and, after them, those that the target has last for keys that are gone.
COPY (
  SELECT *, false AS _deleted FROM read_parquet($file)
  UNION ALL BY NAME
  SELECT {{columns}}, CAST(NULL AS BIGINT) AS _row_hash, $extracted_at::TIMESTAMPTZ AS _extracted_at, true AS _deleted
  FROM (
    SELECT * FROM ({{known}})
    WHERE _source_path = $path AND _ingest_date <= $day::DATE AND NOT list_contains($replaced, _file_sha)
    QUALIFY row_number() OVER (PARTITION BY {{key}} ORDER BY _ingest_date DESC, _extracted_at DESC, _row_no DESC) = 1
  ) AS last
  WHERE NOT {{deleted}}
    AND NOT EXISTS (SELECT 1 FROM (SELECT {{key}} AS _key FROM read_parquet($file)) AS extracted WHERE extracted._key IS NOT DISTINCT FROM {{key}})
) TO $new_file (FORMAT parquet, COMPRESSION snappy)
