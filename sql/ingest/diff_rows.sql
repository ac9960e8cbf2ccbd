-- A correction compared with the rows it replaces, whole rows at a time.
WITH old_row AS ({{old}}), new_row AS ({{new}})
SELECT
  (SELECT count(*) FROM (FROM new_row EXCEPT ALL FROM old_row)) AS added,
  (SELECT count(*) FROM (FROM old_row EXCEPT ALL FROM new_row)) AS removed,
  0 AS changed
