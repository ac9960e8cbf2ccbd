INSERT INTO temp.{{table}}
SELECT $no, line, "column", error, text
FROM (
  SELECT unnest(from_json($rows, '[{"line": "BIGINT", "column": "VARCHAR", "error": "VARCHAR", "text": "VARCHAR"}]'), max_depth := 2)
)
