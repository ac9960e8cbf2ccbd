-- Ranges as [position of the file, first row, row after the last].
INSERT INTO temp.{{deleted}}
SELECT span[1], unnest(range(span[2]::BIGINT, span[3]::BIGINT))
FROM (SELECT unnest(from_json($ranges, '[["UBIGINT"]]')) AS span)
