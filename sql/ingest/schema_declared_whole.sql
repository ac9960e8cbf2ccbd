regexp_full_match({{value}}, '\s*[+-]?\d+(\.0*)?\s*') AND TRY_CAST({{value}} AS {{type}}) IS NOT NULL
