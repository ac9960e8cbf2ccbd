/* @check
name: failures_and_retries
version: 1
title: Failures and retry backlog
description: >
  Every file whose state is FAILED or RETRYING, the latest change first, with its number of failed attempts and its age:
  the hours since the first failed attempt (since the pull when the event log has none).
severity: warn
result: rows
warn: "> 0"
chart: table
dimension: completeness
params:
  now: { type: timestamp, default: $now, description: "The moment from which the age is counted" }
tags: [daily, ci]
tables: [metadata.ingestion_event, metadata.ingestion_manifest]
@check */
WITH backlog AS (
  SELECT * FROM metadata.ingestion_manifest WHERE status IN ('FAILED', 'RETRYING')
),
attempt AS (
  SELECT ledger_key AS manifest_id,
         count(DISTINCT event_id) AS attempts,
         min(pull_ts_utc) AS first_attempt_at,
         max(pull_ts_utc) AS last_attempt_at
  FROM metadata.ingestion_event
  WHERE status IN ('FAILED', 'RETRYING')
    AND ledger_key IN (SELECT manifest_id FROM backlog)
  GROUP BY ledger_key
)
SELECT backlog.*,
       attempt.attempts,
       attempt.first_attempt_at,
       attempt.last_attempt_at,
       round(epoch(CAST($now AS TIMESTAMPTZ) - coalesce(attempt.first_attempt_at, backlog.pull_ts_utc)) / 3600, 1) AS age_hours
FROM backlog
LEFT JOIN attempt USING (manifest_id)
ORDER BY backlog.updated_at DESC, backlog.manifest_id;
