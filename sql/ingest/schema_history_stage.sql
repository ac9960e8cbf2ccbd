CREATE OR REPLACE TEMP TABLE schema_history_row AS
SELECT unnest(from_json($rows, '[{
  "dataset": "VARCHAR", "schema_version": "BIGINT", "fingerprint": "VARCHAR", "columns": "VARCHAR", "drift": "VARCHAR", "status": "VARCHAR",
  "first_file": "VARCHAR", "last_file": "VARCHAR", "first_sha": "VARCHAR", "first_seen_at": "TIMESTAMPTZ", "last_seen_at": "TIMESTAMPTZ",
  "first_business_date": "DATE", "last_business_date": "DATE", "accepted_at": "TIMESTAMPTZ", "accepted_by": "VARCHAR",
  "reason": "VARCHAR", "run_id": "VARCHAR"
}]'), max_depth := 2)
