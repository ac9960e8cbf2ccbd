-- The MERGE into metadata.ingestion_manifest. Replace it with `record --merge-sql FILE`.
--   target  ingestion_manifest  the rows of the Delta table whose key is in the source
--   source  staged_manifest     one row per key with the 15 columns of the table: the canonical row as Decision 2 has it,
--                               folded from the target's row and the new events (sql/ledger/fold.sql)
-- manifest_id equals file_sha, unless the lake's key is source_repo + file_path + file_sha.
MERGE INTO ingestion_manifest AS target
USING staged_manifest AS source
ON target.file_sha = source.file_sha AND target.manifest_id = source.manifest_id
WHEN MATCHED AND (target.status, target.error_message, target.reprocess, target.meta)
    IS DISTINCT FROM (source.status, source.error_message, source.reprocess, source.meta) THEN
  UPDATE SET
    status = source.status,
    error_message = source.error_message,
    reprocess = source.reprocess,
    updated_at = source.updated_at,
    meta = source.meta,
    -- The ingest metadata stays that of the first success. It moves only when an earlier one is delivered late, or
    -- while nothing has succeeded yet.
    source_repo = source.source_repo,
    file_path = source.file_path,
    ingest_date = source.ingest_date,
    pull_ts_utc = source.pull_ts_utc,
    size_bytes = source.size_bytes,
    row_count_estimate = source.row_count_estimate,
    target_backend = source.target_backend,
    dest_path = source.dest_path
WHEN NOT MATCHED THEN
  INSERT (manifest_id, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
    target_backend, dest_path, status, error_message, reprocess, updated_at, meta)
  VALUES (source.manifest_id, source.file_sha, source.source_repo, source.file_path, source.ingest_date,
    source.pull_ts_utc, source.size_bytes, source.row_count_estimate, source.target_backend, source.dest_path,
    source.status, source.error_message, source.reprocess, source.updated_at, source.meta)
