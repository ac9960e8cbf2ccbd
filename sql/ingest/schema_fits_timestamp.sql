-- DuckDB takes 24:00:00 for the next day.
CASE
  WHEN regexp_full_match({{value}}, '\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?)?') THEN
    TRY_CAST({{value}} AS TIMESTAMP) >= TIMESTAMP '0001-01-01' AND substr({{value}}, 12, 2) <> '24'
  ELSE false
END
