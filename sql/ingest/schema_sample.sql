-- One row for each column; its texts stand below one another, because hundreds of different columns take longer to plan than to read.
SELECT number, count(*) AS "values", {{measures}} FROM ({{texts}}) WHERE v <> '' GROUP BY number
