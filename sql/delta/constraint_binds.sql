-- Fails when the condition does not fit the columns.
EXPLAIN SELECT 1 FROM (SELECT {{columns}} WHERE false) AS target WHERE coalesce({{condition}}, false)
