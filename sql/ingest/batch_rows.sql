-- The rows of a batch as the target has them, and the number of their file.
SELECT file._file_no, {{columns}} file._file_sha, file._run_id, rows._row_no, file._source_path, rows._rescued_data, file._ingest_date
FROM ({{rows}}) AS rows
JOIN ingest_batch_file AS file ON rows._file_no = file._file_no
