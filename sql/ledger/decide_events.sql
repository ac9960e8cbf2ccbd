-- One event for each manifest that was not recorded before, and what the ledger makes of it (`event_type`, `from_status`,
-- `to_status`, `reason`). That judgement is for people; the canonical table is folded from the facts alone.
CREATE OR REPLACE TEMP TABLE new_event AS
WITH fresh AS (
  SELECT incoming.*
  FROM (SELECT DISTINCT ON (event_id) * FROM incoming_manifest ORDER BY event_id, seq) AS incoming
  LEFT JOIN known_row AS known ON known.manifest_id = incoming.ledger_key
  WHERE NOT coalesce(list_contains(known.event_ids, left(incoming.event_id, 16)), false)
    AND incoming.event_id NOT IN (SELECT event_id FROM pending_event)
    AND incoming.event_id NOT IN (SELECT event_id FROM seen_event)
),
-- Everything known before this batch, as rows beside the new ones: canonical state first, then pending events.
history AS (
  SELECT manifest_id AS ledger_key, 0 AS rank, NULL::BIGINT AS seq, pull_ts_utc, file_path, '' AS event_id, status AS to_status,
    first_success IS NOT NULL AS success,
    first_request IS NOT NULL AND coalesce(last_request >= last_success, true) AS request
  FROM known_row
  UNION ALL BY NAME
  SELECT ledger_key, 1 AS rank, NULL::BIGINT AS seq, pull_ts_utc, file_path, event_id, to_status,
    status IN ('INGESTED', 'REPROCESSED') AS success, reprocess AS request
  FROM pending_event
  UNION ALL BY NAME
  SELECT ledger_key, 2 AS rank, seq, pull_ts_utc, file_path, event_id, status AS to_status,
    status IN ('INGESTED', 'REPROCESSED') AS success, reprocess AS request
  FROM fresh
),
context AS (
  SELECT seq,
    lag(to_status) OVER so_far AS from_status,
    coalesce(bool_or(success) OVER before, false) AS succeeded,
    -- A request is open when no success came after it.
    coalesce(max(CASE WHEN request THEN place END) OVER before > coalesce(max(CASE WHEN success AND NOT request THEN place END) OVER before, 0), false) AS requested
  FROM (SELECT *, row_number() OVER (PARTITION BY ledger_key ORDER BY rank, pull_ts_utc, coalesce(file_path, ''), event_id) AS place FROM history)
  WINDOW so_far AS (PARTITION BY ledger_key ORDER BY place),
    before AS (PARTITION BY ledger_key ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  QUALIFY seq IS NOT NULL
),
judged AS (
  SELECT fresh.*, from_status,
    status = 'INGESTED' AND succeeded AND NOT requested AND NOT reprocess AS repeated
  FROM fresh JOIN context USING (seq)
)
SELECT
  event_id,
  CAST($now AS TIMESTAMPTZ)::DATE AS event_date,
  CAST($now AS TIMESTAMPTZ) AS recorded_at,
  $run_id AS run_id,
  $actor AS actor,
  CASE WHEN reprocess THEN 'REPROCESS_REQUEST' WHEN repeated THEN 'REPEATED_DELIVERY'
       WHEN from_status IS NULL THEN 'DELIVERY' ELSE 'STATUS_CHANGE' END AS event_type,
  ledger_key,
  from_status,
  CASE WHEN repeated THEN 'SKIPPED' ELSE status END AS to_status,
  CASE WHEN repeated THEN 'delivered again: these bytes are already ingested'
       ELSE coalesce(error_message, CASE WHEN json_valid(meta) THEN meta->>'notes' END) END AS reason,
  dialect, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
  target_backend, dest_path, status, error_message, reprocess, meta, manifest
FROM judged
ORDER BY seq
