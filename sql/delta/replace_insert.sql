INSERT INTO _row_changes SELECT 'insert', NULL, NULL, {{columns}} FROM ({{relation}})
