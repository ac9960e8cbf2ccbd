INSERT INTO ingest_transformed BY NAME
SELECT $_file_no::INTEGER AS _file_no, row_number() OVER () AS _output_no, * FROM ({{statement}}) AS output
