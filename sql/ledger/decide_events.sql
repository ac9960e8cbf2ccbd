-- Which manifests of the batch are new (their event was not recorded before), and what the ledger makes of each. That
-- judgement is for people; the canonical table is folded from the facts alone. Only narrow columns are looked at here.
CREATE OR REPLACE TEMP TABLE decided_event AS
WITH fresh AS (
  SELECT seq, event_id, ledger_key, pull_ts_utc, file_path, status, reprocess
  FROM (SELECT event_id, min(seq) AS seq FROM incoming_manifest GROUP BY event_id)
  JOIN (SELECT * EXCLUDE (event_id) FROM incoming_manifest) USING (seq)
  LEFT JOIN (SELECT manifest_id AS ledger_key, event_ids FROM known_row) USING (ledger_key)
  WHERE NOT coalesce(list_contains(event_ids, left(event_id, 16)), false)
    AND event_id NOT IN (SELECT event_id FROM pending_event)
    AND event_id NOT IN (SELECT event_id FROM seen_event)
),
-- Everything known before this batch, as rows beside the new ones: canonical state first, then pending events.
history AS (
  SELECT manifest_id AS ledger_key, 0 AS rank, NULL::BIGINT AS seq, pull_ts_utc, file_path, '' AS event_id,
    status AS to_status, first_success IS NOT NULL AS success,
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
placed AS (
  SELECT *, row_number() OVER (PARTITION BY ledger_key ORDER BY rank, pull_ts_utc, coalesce(file_path, ''), event_id) AS place
  FROM history
)
SELECT seq, ledger_key, event_id,
  lag(to_status) OVER so_far AS from_status,
  -- These bytes are already ingested, and nobody asked for them again since.
  to_status = 'INGESTED' AND NOT request AND coalesce(bool_or(success) OVER before, false)
    AND NOT coalesce(max(CASE WHEN request THEN place END) OVER before
      > coalesce(max(CASE WHEN success AND NOT request THEN place END) OVER before, 0), false) AS repeated
FROM placed
WINDOW so_far AS (PARTITION BY ledger_key ORDER BY place),
  before AS (PARTITION BY ledger_key ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
QUALIFY seq IS NOT NULL
