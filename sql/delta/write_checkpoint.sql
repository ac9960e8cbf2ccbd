COPY (
  SELECT txn, {{add}} AS "add", remove, metaData, protocol, domainMetadata
  FROM (SELECT *, {{parsed}} AS parsed FROM {{table}})
) TO $file (FORMAT parquet, COMPRESSION zstd)
