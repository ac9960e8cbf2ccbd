-- A partitioned COPY keeps buffers for every partition that it sees, so the partitions are written some at a time.
CREATE OR REPLACE TEMP TABLE _write_rows AS
SELECT {{columns}}, (dense_rank() OVER (ORDER BY {{partitions}}) - 1) // 64 AS _write_group FROM ({{relation}})
