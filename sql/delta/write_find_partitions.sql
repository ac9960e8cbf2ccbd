-- The partitions that the rows fall into, as text; more than 64 are as good as 65.
SELECT {{partition_texts}} FROM (SELECT DISTINCT {{partitions}} FROM ({{relation}}) LIMIT 65)
