SELECT coalesce(max(_write_group) + 1, 0) AS groups FROM _write_rows
