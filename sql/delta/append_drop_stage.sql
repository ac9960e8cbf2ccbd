DROP TABLE IF EXISTS _append_rows
