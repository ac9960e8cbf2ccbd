-- The files of a batch: what every row of theirs says about itself. A file that is taken out of the batch is deleted here.
CREATE OR REPLACE TEMP TABLE ingest_batch_file AS
SELECT unnest(from_json($files, '[{
  "_file_no": "INTEGER", "_file_sha": "VARCHAR", "_run_id": "VARCHAR", "_source_path": "VARCHAR", "_ingest_date": "DATE"
}]'), max_depth := 2)
