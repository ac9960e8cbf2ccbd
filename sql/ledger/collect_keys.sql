-- The canonical rows that this batch is about.
CREATE OR REPLACE TEMP TABLE batch_key AS
SELECT DISTINCT ledger_key AS manifest_id FROM (
  SELECT ledger_key FROM incoming_manifest UNION ALL SELECT ledger_key FROM pending_event
)
