-- Keys for which the statement inserted, deleted or really changed a row.
CREATE OR REPLACE TEMP TABLE {{changed}} AS
SELECT DISTINCT {{keys}} FROM (
  (SELECT {{columns}} FROM {{located}} EXCEPT ALL SELECT {{columns}} FROM {{target}})
  UNION ALL
  (SELECT {{columns}} FROM {{target}} EXCEPT ALL SELECT {{columns}} FROM {{located}})
)
