INSERT INTO seen_event
SELECT event_id FROM ({{relation}})
WHERE ledger_key IN (SELECT manifest_id FROM known_row WHERE event_ids IS NULL)
