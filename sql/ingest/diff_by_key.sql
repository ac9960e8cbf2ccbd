-- A correction compared with the rows it replaces, by key. A key that is there twice on a side makes the answer NULL.
WITH old_row AS ({{old}}), new_row AS ({{new}}),
old_key AS (SELECT {{key}} AS _key, any_value(row_values) AS row_values, count(*) AS copies FROM (SELECT *, to_json(old_row)::VARCHAR AS row_values FROM old_row) GROUP BY ALL),
new_key AS (SELECT {{key}} AS _key, any_value(row_values) AS row_values, count(*) AS copies FROM (SELECT *, to_json(new_row)::VARCHAR AS row_values FROM new_row) GROUP BY ALL)
SELECT
  count(*) FILTER (WHERE old_key.copies IS NULL) AS added,
  count(*) FILTER (WHERE new_key.copies IS NULL) AS removed,
  count(*) FILTER (WHERE old_key.row_values <> new_key.row_values) AS changed,
  coalesce(max(greatest(coalesce(old_key.copies, 1), coalesce(new_key.copies, 1))), 1) > 1 AS doubled
FROM old_key FULL JOIN new_key USING (_key)
