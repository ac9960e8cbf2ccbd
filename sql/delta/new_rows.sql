-- New rows as the table has them.
SELECT {{columns}} FROM {{source}} AS source
