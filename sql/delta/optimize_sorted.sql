SELECT * FROM ({{relation}}) ORDER BY {{columns}}
