-- The files of an add or remove column, 2048 to a row, each field as one JSON array: text of a million values is handed over
-- ten times faster than a million values. One list of structs keeps the fields of a file together.
WITH files AS (
  SELECT
    file_row_number // 2048 AS pack,
    {{action}}."path" AS path,
    {{values}} AS "values",
    {{size}} AS size,
    {{time}} AS time,
    {{change}} AS change,
    {{stats}} AS stats,
    {{rest}} AS rest
  FROM read_parquet($file, file_row_number = true)
  WHERE {{action}}."path" IS NOT NULL
), packs AS (
  SELECT
    pack,
    list({
      'path': path, 'values': "values", 'size': size, 'time': time, 'change': change, 'stats': stats, 'rest': rest
    }) AS files
  FROM files
  GROUP BY pack
)
SELECT
  to_json(list_transform(files, lambda file: file.path))::VARCHAR AS paths,
  to_json(list_transform(files, lambda file: file."values"))::VARCHAR AS "values",
  to_json(list_transform(files, lambda file: file.size))::VARCHAR AS sizes,
  to_json(list_transform(files, lambda file: file.time))::VARCHAR AS times,
  to_json(list_transform(files, lambda file: file.change))::VARCHAR AS changes,
  to_json(list_transform(files, lambda file: file.stats))::VARCHAR AS stats,
  to_json(list_transform(files, lambda file: file.rest))::VARCHAR AS rests
FROM packs
ORDER BY pack
