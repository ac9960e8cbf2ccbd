-- Every joined row that a clause is about, as the clause wants it.
CREATE OR REPLACE TEMP TABLE _row_changes AS
SELECT * EXCLUDE (_merge_clause)
FROM (
  SELECT
    {{clause}} AS _merge_clause,
    {{change}} AS _change,
    {{target}}._file_index AS _file_index,
    {{target}}._target_row AS _file_row,
    {{columns}}
  FROM (SELECT * EXCLUDE (_file_row), _file_row AS _target_row FROM ({{relation}})) AS {{target}}
  {{join}} JOIN _merge_source AS {{source}} ON {{condition}}
)
WHERE _merge_clause IS NOT NULL
