-- An example of each thing that keeps a column text.
SELECT
  min(v) FILTER (WHERE regexp_full_match(v, '[+-]?0\d[\d.,]*')) AS leading_zero,
  min(v) FILTER (WHERE regexp_full_match(v, '[+-]?\d+([.'' ]\d{3})*,\d+|[+-]?\d{1,3}(,\d{3})+(\.\d+)?')) AS comma,
  min(v) FILTER (WHERE regexp_full_match(v, '[+-]?\d{1,3}(\.\d{3}){2,}')) AS thousands,
  min(v) FILTER (WHERE regexp_full_match(v, '\+\d[\d.]*')) AS plus,
  min(v) FILTER (WHERE v <> trim(v)) AS blank,
  min(v) FILTER (WHERE regexp_full_match(v, '\d+[eE]\d+')) AS exponent,
  min(v) FILTER (WHERE regexp_full_match(v, '-?[1-9]\d*(\.\d+)?') AND length(v) > 15 AND NOT {{exact}}) AS digits,
  min(v) FILTER (WHERE regexp_full_match(v, '\d{4}-\d{2}-\d{2}.*') AND NOT coalesce({{date}} OR {{timestamp}} OR {{timestamptz}}, false)) AS no_date,
  min(v) FILTER (WHERE NOT {{numeric_look}}) AS no_number
FROM (SELECT v FROM ({{values}}) LIMIT $rows)
WHERE v <> ''
