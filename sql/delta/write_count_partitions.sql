-- How many partitions the rows fall into; more than 64 are as good as 65.
SELECT count(*) AS partitions FROM (SELECT DISTINCT {{partitions}} FROM ({{relation}}) LIMIT 65)
