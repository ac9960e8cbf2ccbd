regexp_full_match({{value}}, '-?(0|[1-9]\d*)(\.\d+([eE][+-]?\d+)?|[eE][+-]\d+)?')
AND (
  (length({{value}}) <= 7 AND NOT regexp_matches({{value}}, '[eE]'))
  OR CAST(TRY_CAST({{value}} AS FLOAT) AS VARCHAR) IN ({{value}}, rtrim({{value}}, '0'), rtrim({{value}}, '0') || '0')
)
