CASE
  WHEN length({{value}}) = 10 THEN CAST(TRY_CAST({{value}} AS DATE) AS VARCHAR) = {{value}} AND {{value}} >= '0001-01-01'
  ELSE false
END
