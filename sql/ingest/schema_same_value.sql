TRY_CAST(TRY_CAST({{value}} AS {{type}}) AS {{source}}) = {{value}}
