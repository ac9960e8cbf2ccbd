coalesce(CAST(TRY_CAST({{text}} AS {{type}}) AS VARCHAR) = {{text}}, false)
