-- Keys whose rows are not the same rows as before, counted: a key that the table has twice needs no special case.
CREATE OR REPLACE TEMP TABLE {{changed}} AS
SELECT DISTINCT {{keys}}
FROM (
  SELECT {{columns}}
  FROM (SELECT {{columns}}, 1 AS _merge_side FROM {{target}} UNION ALL SELECT {{columns}}, -1 FROM {{located}})
  GROUP BY {{columns}}
  HAVING sum(_merge_side) <> 0
)
