-- A partitioned COPY keeps buffers for every partition that it sees, so many partitions are written 64 at a time.
CREATE TEMP TABLE {{stage}} AS
SELECT a.*, _write_group
FROM ({{relation}}) AS a
JOIN (
  SELECT *, (row_number() OVER (ORDER BY {{partitions}}) - 1) // 64 AS _write_group
  FROM (SELECT DISTINCT {{partitions}} FROM ({{relation}}))
) AS b ON {{same_partition}}
