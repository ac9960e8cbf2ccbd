-- Who records, in which run, and when; part of every event of the batch.
CREATE OR REPLACE TEMP TABLE batch_context AS
SELECT CAST($now AS TIMESTAMPTZ) AS now, $run_id AS run_id, $actor AS actor
