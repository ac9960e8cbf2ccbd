-- What the change data feed says of a commit: rows before and after.
SELECT {{stored}}, CASE b._change WHEN 'update' THEN 'update_preimage' ELSE 'delete' END AS _change_type
FROM ({{relation}}) AS a
JOIN _row_changes AS b
ON getvariable('{{slot}}_indexes')[a._file_index::BIGINT + 1] = b._file_index AND a._file_row = b._file_row
UNION ALL
SELECT {{columns}}, CASE _change WHEN 'update' THEN 'update_postimage' ELSE 'insert' END
FROM _row_changes
WHERE _change <> 'delete'
