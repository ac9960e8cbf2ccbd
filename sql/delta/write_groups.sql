SELECT coalesce(max(_write_group) + 1, 0) AS groups FROM temp.{{stage}}
