CAST(TRY_CAST({{value}} AS {{type}}) AS VARCHAR) = {{value}}
