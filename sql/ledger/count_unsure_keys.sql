-- Keys of this batch whose canonical row does not name all its events.
SELECT count(*) AS keys
FROM known_row SEMI JOIN (SELECT ledger_key AS manifest_id FROM incoming_manifest) USING (manifest_id)
WHERE event_ids IS NULL
