/* @check
name: success_last_n_runs
version: 1
title: Percentage of files that ended well in each of the last runs
description: >
  Per run, from the event log: of the files with an outcome in that run, the share with a success (INGESTED, REPROCESSED
  or SKIPPED). A file that failed and then succeeded in the same run counts as a success. PENDING and PROCESSING
  are no outcomes; a run without any outcome is not listed.
severity: error
result: metric
grain: [run_id]
warn: "< 99"
error: "< 95"
on_empty: warn
on_null: error
unit: "%"
chart: bar
dimension: completeness
params:
  runs: { type: integer, default: 10, min: 1, max: 10000, description: "How many runs, the newest first" }
tags: [daily, ci]
tables: [metadata.ingestion_event]
@check */
WITH outcome AS (
  SELECT run_id,
         ledger_key,
         max(recorded_at) AS recorded_at,
         bool_or(status IN ('INGESTED', 'REPROCESSED', 'SKIPPED')) AS ended_well
  FROM metadata.ingestion_event
  WHERE run_id IS NOT NULL
    AND status IN ('INGESTED', 'REPROCESSED', 'SKIPPED', 'FAILED', 'RETRYING', 'QUARANTINED')
  GROUP BY run_id, ledger_key
)
SELECT run_id,
       max(recorded_at) AS last_recorded_at,
       count(*) FILTER (WHERE ended_well) AS success,
       count(*) AS total,
       100.0 * count(*) FILTER (WHERE ended_well) / count(*) AS value
FROM outcome
GROUP BY run_id
ORDER BY last_recorded_at DESC, run_id DESC
LIMIT $runs;
