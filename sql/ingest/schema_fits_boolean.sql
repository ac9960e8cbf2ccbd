lower({{value}}) IN ('true', 'false')
