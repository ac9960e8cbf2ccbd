TRY_CAST({{value}} AS {{type}}) IS NOT NULL
