SELECT CAST(min({{key}}) AS VARCHAR) AS low, CAST(max({{key}}) AS VARCHAR) AS high FROM {{source}} HAVING count({{key}}) > 0
