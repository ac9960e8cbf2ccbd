-- How the canonical rows of this batch fare: new keys, keys with a new event, keys with nothing new.
SELECT
  (SELECT count(*) FROM decided_event) AS events,
  count(*) FILTER (WHERE fresh AND NOT known) AS inserted,
  count(*) FILTER (WHERE fresh AND known) AS updated,
  count(*) FILTER (WHERE NOT fresh) AS unchanged
FROM (
  SELECT DISTINCT ledger_key,
    ledger_key IN (SELECT ledger_key FROM decided_event) AS fresh,
    ledger_key IN (SELECT manifest_id FROM known_row UNION ALL SELECT ledger_key FROM pending_event) AS known
  FROM incoming_manifest
)
