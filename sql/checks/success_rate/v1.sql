/* @check
name: success_rate
version: 1
title: Percentage of successful ingests per ingest date
description: Only INGESTED counts as success. A day whose files were all reprocessed or skipped shows 0 %; see version 2.
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
tags: [daily, ci]
tables: [metadata.ingestion_manifest]
@check */
SELECT ingest_date,
       sum(CASE WHEN status = 'INGESTED' THEN 1 ELSE 0 END) AS success,
       count(*) AS total,
       100.0 * sum(CASE WHEN status = 'INGESTED' THEN 1 ELSE 0 END) / count(*) AS value
FROM metadata.ingestion_manifest
GROUP BY ingest_date
ORDER BY ingest_date DESC;
