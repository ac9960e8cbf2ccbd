SELECT * FROM _append_rows
