-- Some of the file actions: a sidecar holds nothing else (PROTOCOL.md, "Sidecar Files").
COPY (
  SELECT {{add}} AS "add", remove
  FROM (SELECT "add", remove, {{parsed}} AS parsed FROM {{table}} WHERE rowid >= $first AND rowid < $end)
) TO $file (FORMAT parquet, COMPRESSION zstd)
