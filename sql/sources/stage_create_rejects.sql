CREATE TEMP TABLE {{table}} (_file_no INTEGER, line BIGINT, column_name VARCHAR, error VARCHAR, text VARCHAR)
