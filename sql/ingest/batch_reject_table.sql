-- Rows of the batch that do not go into the target, with their text.
CREATE OR REPLACE TEMP TABLE ingest_reject (
  _file_no INTEGER, line BIGINT, row_no BIGINT, column_name VARCHAR, kind VARCHAR, error VARCHAR, text VARCHAR
)
