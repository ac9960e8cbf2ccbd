SELECT * FROM schema_history_row
