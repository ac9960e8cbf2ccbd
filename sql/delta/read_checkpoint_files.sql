-- The files of an add or remove column, 8192 to a row, each field as one text: text of a million values is handed over ten
-- times faster than a million values. Texts of a field are lines; `files` tells whether each of them is one.
SELECT
  file_row_number // 8192 AS pack,
  count(*) AS files,
  string_agg({{path}}, chr(10)) AS paths,
  string_agg(coalesce({{values}}, ''), chr(10)) AS "values",
  to_json(list({{size}}))::VARCHAR AS sizes,
  to_json(list({{time}}))::VARCHAR AS times,
  to_json(list({{change}}))::VARCHAR AS changes,
  string_agg(coalesce({{stats}}, ''), chr(10)) AS stats,
  string_agg(coalesce({{rest}}, ''), chr(10)) AS rests
FROM read_parquet($file, file_row_number = true)
-- A file without a path is damage, which the number of paths shows. Some writers leave a struct of nulls where another kind is.
WHERE {{action}}."path" IS NOT NULL OR {{size}} IS NOT NULL OR {{time}} IS NOT NULL
GROUP BY pack
ORDER BY pack
