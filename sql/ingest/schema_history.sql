SELECT
  dataset, schema_version, fingerprint, columns, drift, status, first_file, last_file, first_sha, first_seen_at, last_seen_at,
  first_business_date, last_business_date, accepted_at, accepted_by, reason, run_id
FROM ({{history}})
WHERE $dataset IS NULL OR dataset = $dataset
ORDER BY dataset, schema_version
