/* @check
name: success_rate
version: 2
title: Percentage of files that ended well per ingest date
description: INGESTED, REPROCESSED and SKIPPED (already there) count as success. Not rounded, so 94.996 is below 95.
severity: error
result: metric
grain: [ingest_date]
warn: "< 99"
error: "< 95"
on_empty: warn
on_null: error
unit: "%"
chart: line
dimension: completeness
params:
  days: { type: integer, default: 0, min: 0, max: 36500, description: "Judge only the last N days up to as_of; 0 judges every date" }
  as_of: { type: date, default: $today, description: "The last day when days is not 0" }
tags: [daily, ci]
tables: [metadata.ingestion_manifest]
@check */
SELECT ingest_date,
       count(*) FILTER (WHERE status IN ('INGESTED', 'REPROCESSED', 'SKIPPED')) AS success,
       count(*) AS total,
       100.0 * count(*) FILTER (WHERE status IN ('INGESTED', 'REPROCESSED', 'SKIPPED')) / count(*) AS value
FROM metadata.ingestion_manifest
WHERE $days = 0
   OR (ingest_date > CAST($as_of AS DATE) - CAST($days AS INTEGER) AND ingest_date <= CAST($as_of AS DATE))
GROUP BY ingest_date
ORDER BY ingest_date DESC;
