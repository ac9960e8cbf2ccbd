-- The manifests of the events of ingest, as they were recorded, oldest first.
SELECT event_id, manifest
FROM ({{events}})
WHERE target_backend = 'DELTA'
  AND json_valid(meta) AND json_type(meta::JSON->'ingest') = 'OBJECT'
ORDER BY recorded_at, pull_ts_utc, event_id
