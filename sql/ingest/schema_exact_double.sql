-- Up to 15 digits a DOUBLE keeps; more of them it keeps when it prints them again.
CASE
  WHEN length({{value}}) <= 15 THEN
    CASE
      WHEN abs(TRY_CAST({{value}} AS DOUBLE)) BETWEEN 1e-300 AND 1e300 THEN true
      ELSE regexp_full_match({{value}}, '-?0(\.0+)?([eE].*)?')
    END
  WHEN CAST(TRY_CAST({{value}} AS DOUBLE) AS VARCHAR) = {{value}} THEN true
  WHEN CAST(TRY_CAST({{value}} AS DOUBLE) AS VARCHAR) IN (rtrim({{value}}, '0'), rtrim({{value}}, '0') || '0') THEN true
  ELSE coalesce(CAST(TRY_CAST(TRY_CAST({{value}} AS DOUBLE) AS HUGEINT) AS VARCHAR) = {{value}}, false)
END
