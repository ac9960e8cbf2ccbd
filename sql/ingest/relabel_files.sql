-- Contents that go from a path and are still those of another one.
CREATE OR REPLACE TEMP TABLE ingest_relabel AS
SELECT unnest(from_json($files, '[{"sha": "VARCHAR", "old_path": "VARCHAR", "new_path": "VARCHAR"}]'), max_depth := 2)
