-- What the statement did, key by key: the old rows of changed keys go, their new rows come.
CREATE OR REPLACE TEMP TABLE _row_changes AS
SELECT 'delete' AS _change, _file_index, _file_row, {{columns}}
FROM {{located}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}}
UNION ALL
SELECT 'insert', NULL, NULL, {{columns}}
FROM {{target}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}}
