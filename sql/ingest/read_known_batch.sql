-- The last batch of a source that the event log tells the end of.
SELECT max((meta::JSON->>'$.ingest.batch')::BIGINT) AS batch
FROM ({{events}})
WHERE target_backend = 'DELTA' AND source_repo = $source AND dest_path = $target AND status IN ('INGESTED', 'REPROCESSED') AND json_valid(meta)
