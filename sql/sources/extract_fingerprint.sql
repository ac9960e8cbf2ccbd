SELECT count(*) AS rows, CAST(sum(CAST(_row_hash AS HUGEINT)) AS VARCHAR) AS hash_sum FROM {{relation}}
