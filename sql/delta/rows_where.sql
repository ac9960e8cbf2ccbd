-- The rows that meet a condition, as they will be.
CREATE OR REPLACE TEMP TABLE _row_changes AS
SELECT '{{change}}' AS _change, _file_index, _file_row, {{columns}}
FROM ({{relation}}) AS target
WHERE {{condition}}
