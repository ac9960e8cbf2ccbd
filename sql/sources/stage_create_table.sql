-- Rows of files of one layout.
CREATE TEMP TABLE {{table}} (_file_no INTEGER, _row_no BIGINT, {{columns}})
