SELECT count(*) AS rows FROM _optimize_rows
