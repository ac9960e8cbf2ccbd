-- The rows that go, by file.
SELECT _file_index AS file_index, _file_row AS file_row FROM _row_changes WHERE _file_index IS NOT NULL
