-- Several deletions of one row are one; anything else would depend on the order.
SELECT count(*) AS rows
FROM (
  SELECT _file_index, _file_row
  FROM _row_changes
  WHERE _file_index IS NOT NULL
  GROUP BY _file_index, _file_row
  HAVING count(*) > 1 AND bool_or(_change <> 'delete')
)
