regexp_full_match({{value}}, '\s*[+-]?\d*(\.\d{0,{{scale}}}0*)?\s*') AND TRY_CAST({{value}} AS {{type}}) IS NOT NULL
