-- What a transform calls `source`: the rows of one file.
CREATE OR REPLACE TEMP VIEW source AS SELECT * EXCLUDE (_file_no) FROM ({{rows}}) AS rows WHERE _file_no = {{file_no}}
