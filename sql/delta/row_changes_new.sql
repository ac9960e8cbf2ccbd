-- The rows that come.
SELECT {{columns}} FROM _row_changes WHERE _change <> 'delete'
