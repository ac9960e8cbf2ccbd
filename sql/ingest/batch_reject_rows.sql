-- The rejects of a batch as metadata.reject has them. The id is made of what they are, so that a batch that is run again
-- does not keep them twice. A row that is known by its number is the same one however it is written: the next run may know more columns.
-- A row of a table is known by its hash: the next run reads it again, in another place.
CREATE OR REPLACE TEMP TABLE ingest_kept_reject AS
SELECT DISTINCT ON (reject_id) *
FROM (
  SELECT
    sha256(concat_ws(chr(10), $target, file.path, coalesce(row_hash, file.sha), reject.kind, coalesce(reject.line::VARCHAR, ''),
      CASE WHEN row_hash IS NULL THEN coalesce(reject.row_no::VARCHAR, '') ELSE '' END,
      coalesce(reject.column_name, ''), reject.error,
      CASE WHEN reject.row_no IS NULL THEN coalesce(reject.text, '') ELSE '' END)) AS reject_id,
    $now::TIMESTAMPTZ AS rejected_at, $run_id AS run_id, $source AS source, $target AS target,
    file.path AS file_path, file.sha AS file_sha, reject.line, reject.row_no, reject.column_name, reject.kind, reject.error, reject.text
  FROM ingest_reject AS reject
  JOIN (SELECT unnest(from_json($files, '[{"no": "INTEGER", "path": "VARCHAR", "sha": "VARCHAR", "anew": "BOOLEAN"}]'), max_depth := 2)) AS file ON file.no = reject._file_no
  CROSS JOIN LATERAL (SELECT CASE WHEN file.anew THEN TRY(reject.text->>'$._row_hash') END AS row_hash)
)
