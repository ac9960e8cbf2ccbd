DELETE FROM _row_changes
WHERE _change = 'delete' AND rowid NOT IN (
  SELECT min(rowid) FROM _row_changes WHERE _change = 'delete' GROUP BY _file_index, _file_row
)
