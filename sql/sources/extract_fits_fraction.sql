-- DuckDB writes a DECIMAL that has digits after the point only without the zero before it.
coalesce(CAST(TRY_CAST({{text}} AS {{type}}) AS VARCHAR) = replace({{text}}, '0.', '.'), false)
