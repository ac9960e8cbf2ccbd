-- Ranges as three lists: the position of the file, the first row, the row after the last. Splitting text is several times
-- faster than reading JSON.
INSERT INTO temp.{{deleted}}
SELECT file_position, unnest(range(first_row, end_row))
FROM (
  SELECT
    unnest(string_split($positions, ',')::UBIGINT[]) AS file_position,
    unnest(string_split($starts, ',')::BIGINT[]) AS first_row,
    unnest(string_split($ends, ',')::BIGINT[]) AS end_row
)
