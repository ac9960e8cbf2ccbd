-- A partitioned COPY keeps buffers for every partition that it sees, so many partitions are written about 64 at a time.
CREATE TEMP TABLE {{stage}} AS
SELECT *, (hash({{partitions}}) % $groups::UBIGINT)::INTEGER AS _write_group FROM ({{relation}})
