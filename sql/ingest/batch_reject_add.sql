INSERT INTO ingest_reject BY NAME SELECT *, $kind AS kind FROM ({{rows}})
