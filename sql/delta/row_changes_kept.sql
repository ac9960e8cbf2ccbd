-- Copy-on-write: the rows of rewritten files that stay.
SELECT {{stored}}
FROM ({{relation}}) AS a
ANTI JOIN _row_changes AS b
ON getvariable('{{slot}}_indexes')[a._file_index::BIGINT + 1] = b._file_index AND a._file_row = b._file_row
