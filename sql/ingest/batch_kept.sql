SELECT * FROM ingest_row
