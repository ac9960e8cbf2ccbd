COPY (
  SELECT {{values}}
    CASE
      WHEN _hash >= 9223372036854775808 THEN CAST(CAST(_hash AS HUGEINT) - 18446744073709551616 AS BIGINT)
      ELSE CAST(_hash AS BIGINT)
    END AS _row_hash,
    CAST($at AS TIMESTAMPTZ) AS _extracted_at
  FROM (SELECT *, {{hash}} AS _hash FROM ({{rows}}))
)
TO $copy (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {{group_rows}})
