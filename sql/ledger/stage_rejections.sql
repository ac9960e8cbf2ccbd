CREATE OR REPLACE TEMP TABLE rejected_manifest AS
SELECT DISTINCT ON (quarantine_id) * FROM (
  SELECT unnest(from_json($rows, '[{
    "quarantine_id": "VARCHAR", "quarantined_at": "TIMESTAMPTZ", "run_id": "VARCHAR", "file": "VARCHAR", "line": "BIGINT",
    "field": "VARCHAR", "reason": "VARCHAR", "text": "VARCHAR"
  }]'), max_depth := 2)
)
