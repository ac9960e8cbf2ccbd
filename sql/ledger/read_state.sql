-- What the located canonical rows remember. A row without `_ledger` in its meta was not written by this ledger: it
-- counts as one event at its own pull time.
CREATE OR REPLACE TEMP TABLE known_row AS
WITH located AS (
  SELECT *,
    CASE WHEN NOT json_valid(meta) THEN to_json({'text': meta})
         WHEN json_type(meta) <> 'OBJECT' THEN to_json({'value': meta::JSON})
         ELSE meta::JSON END AS meta_json,
    meta_json->'$._ledger' AS ledger,
    coalesce(ledger->>'last', strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') || '#' || coalesce(file_path, '') || '#') AS last_event,
    status IN ('INGESTED', 'REPROCESSED') AS success
  FROM {{located}}
)
SELECT
  manifest_id, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
  target_backend, dest_path, status, error_message, reprocess,
  nullif(json_merge_patch(meta_json, '{"_ledger": null}')::VARCHAR, '{}') AS meta,
  last_event,
  coalesce(ledger->>'first', last_event) AS first_event,
  CASE WHEN success THEN coalesce(ledger->>'first_success', last_event) END AS first_success,
  CASE WHEN success THEN coalesce(ledger->>'last_success', last_event) END AS last_success,
  coalesce(ledger->>'first_request', CASE WHEN ledger IS NULL AND reprocess THEN last_event END) AS first_request,
  coalesce(ledger->>'last_request', CASE WHEN ledger IS NULL AND reprocess THEN last_event END) AS last_request,
  coalesce((ledger->>'reprocessed')::BOOLEAN, ledger IS NULL AND status = 'REPROCESSED') AS says_reprocessed,
  ledger->'from' AS origins,
  coalesce((ledger->>'events')::BIGINT, CASE WHEN ledger IS NULL THEN 0 ELSE 1 END) AS events,
  -- NULL when the row does not know all its events by id: then the event log is asked.
  CASE WHEN ledger IS NULL THEN NULL
       WHEN (ledger->'events') IS NULL THEN [right(last_event, 16)]
       ELSE from_json(ledger->'ids', '["VARCHAR"]') END AS event_ids
FROM located
