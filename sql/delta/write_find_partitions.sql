-- The partitions that the rows fall into, as text.
SELECT {{partition_texts}}, _write_rows
FROM (SELECT {{partitions}}, count(*) AS _write_rows FROM ({{relation}}) GROUP BY ALL)
