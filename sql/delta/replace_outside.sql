SELECT count(*) AS rows FROM ({{relation}}) AS target WHERE NOT coalesce({{condition}}, false)
