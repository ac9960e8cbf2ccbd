CREATE OR REPLACE TEMP TABLE {{table}} AS
SELECT {{columns}} FROM (SELECT unnest(from_json($rows, '{{json}}'), max_depth := 2))
