-- A chunk of rows of any files of one layout, bound as one JSON array of arrays of text: the number of the file, that of the row, the values.
INSERT INTO temp.{{table}} (_file_no, _row_no, {{names}})
SELECT v[1]::INTEGER, v[2]::BIGINT, {{values}}
FROM (SELECT unnest(from_json($rows, '[["VARCHAR"]]')) AS v)
