/* @check
name: latest_ingests
version: 1
title: Latest ingests
description: >
  The files of the last 24 hours, newest first. Counted in whole ingest dates, so that only their partitions are read:
  24 hours back from today is everything with the ingest date of yesterday or later. A list, not a verdict.
severity: info
result: rows
chart: table
dimension: timeliness
params:
  hours: { type: integer, default: 24, min: 1, max: 87600, description: "How far back from the start of the day as_of" }
  as_of: { type: date, default: $today, description: "The last day (UTC) of the list" }
tags: [daily]
tables: [metadata.ingestion_manifest]
@check */
SELECT *
FROM metadata.ingestion_manifest
WHERE ingest_date >= CAST(CAST($as_of AS DATE) - to_hours($hours) AS DATE)
  AND pull_ts_utc < CAST($as_of AS DATE) + INTERVAL 1 DAY
ORDER BY pull_ts_utc DESC, manifest_id;
