UPDATE _row_changes SET {{column}} = {{value}} WHERE _change <> 'delete'
