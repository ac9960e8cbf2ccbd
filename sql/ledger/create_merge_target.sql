-- An empty table under the name that the MERGE statement gives the Delta table, to see whether the statement is one.
CREATE OR REPLACE TEMP TABLE ingestion_manifest AS SELECT * FROM staged_manifest
