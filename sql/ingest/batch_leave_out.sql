DELETE FROM ingest_batch_file WHERE list_contains($files::INTEGER[], _file_no)
