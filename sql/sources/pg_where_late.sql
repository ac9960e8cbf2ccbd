-- A row version has the lower 32 bits of the id of its transaction. The id is the newest one that is not in the future; 0 to 2 are old. Those of
-- subtransactions are higher than those of the transactions they are part of.
CASE
  WHEN source.xmin::text::bigint < 3 THEN 4294967296
  ELSE (current_setting('lakeledger.xmax')::bigint - source.xmin::text::bigint) & 4294967295
END <= current_setting('lakeledger.late_age')::bigint
