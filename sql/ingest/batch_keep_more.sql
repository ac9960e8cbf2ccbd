INSERT INTO ingest_row BY NAME {{rows}}
