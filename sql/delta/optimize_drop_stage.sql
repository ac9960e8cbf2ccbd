DROP TABLE IF EXISTS _optimize_rows
