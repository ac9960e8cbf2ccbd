/* @check
name: duplicate_shas
version: 1
title: Repeated SHAs in the canonical table
description: >
  The canonical table has one row per key of the ledger. In a ledger keyed by file_sha a sha that is there twice is a
  duplicate; in a ledger keyed by repository, path and sha the same bytes may be at several paths, and only a repeated
  triple is one.
severity: error
result: rows
error: "> 0"
dimension: uniqueness
params:
  key:
    type: text
    default: $ledger_key
    values: [file_sha, source_repo+file_path+file_sha]
    description: The key of the ledger
tags: [daily, ci]
tables: [metadata.ingestion_manifest]
@check */
SELECT file_sha,
       CASE WHEN $key <> 'file_sha' THEN source_repo END AS source_repo,
       CASE WHEN $key <> 'file_sha' THEN file_path END AS file_path,
       count(*) AS copies
FROM metadata.ingestion_manifest
GROUP BY ALL
HAVING count(*) > 1
ORDER BY copies DESC, file_sha, source_repo, file_path;
