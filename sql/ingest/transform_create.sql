CREATE OR REPLACE TEMP TABLE ingest_transformed AS
SELECT $_file_no::INTEGER AS _file_no, row_number() OVER () AS _output_no, * FROM ({{statement}}) AS output
