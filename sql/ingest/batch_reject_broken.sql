-- Rows that break an expectation, each as the JSON of the row without what is only about this run of it.
INSERT INTO ingest_reject BY NAME
SELECT
  _file_no, _row_no AS row_no, 'expectation' AS kind, $error AS error,
  json_merge_patch(to_json(target),
    '{"_file_no": null, "_file_sha": null, "_run_id": null, "_source_path": null, "_ingest_date": null}')::VARCHAR AS text
FROM ({{rows}}) AS target
WHERE ({{expression}}) IS FALSE
