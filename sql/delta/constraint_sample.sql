SELECT to_json(target)::VARCHAR AS sample FROM ({{relation}}) AS target WHERE NOT coalesce({{condition}}, false) LIMIT 1
