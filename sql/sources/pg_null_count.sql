SELECT count(*) AS rows FROM {{relation}} AS source WHERE source.{{column}} IS NULL
