-- The new events as they are committed. A view: the texts of a batch are held once, in incoming_manifest.
CREATE OR REPLACE TEMP VIEW new_event AS
SELECT
  incoming.event_id,
  context.now::DATE AS event_date,
  context.now AS recorded_at,
  context.run_id,
  context.actor,
  CASE WHEN reprocess THEN 'REPROCESS_REQUEST' WHEN repeated THEN 'REPEATED_DELIVERY'
       WHEN from_status IS NULL THEN 'DELIVERY' ELSE 'STATUS_CHANGE' END AS event_type,
  incoming.ledger_key,
  from_status,
  CASE WHEN repeated THEN 'SKIPPED' ELSE status END AS to_status,
  CASE WHEN repeated THEN 'delivered again: these bytes are already ingested'
       ELSE coalesce(error_message, CASE WHEN json_valid(meta) THEN meta->>'notes' END) END AS reason,
  dialect, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
  target_backend, dest_path, status, error_message, reprocess, meta, manifest
FROM incoming_manifest AS incoming
JOIN (SELECT seq, from_status, repeated FROM decided_event) AS decided USING (seq)
CROSS JOIN batch_context AS context
