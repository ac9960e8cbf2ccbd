CASE
  WHEN regexp_full_match({{value}}, '\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}(:?\d{2})?)') THEN
    TRY_CAST({{value}} AS TIMESTAMPTZ)
      BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'
    AND substr({{value}}, 12, 2) <> '24'
  ELSE false
END
