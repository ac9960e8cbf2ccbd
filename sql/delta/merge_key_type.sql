SELECT typeof({{key}}) AS type FROM {{source}} LIMIT 1
