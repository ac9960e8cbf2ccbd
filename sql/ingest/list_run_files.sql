-- What a run did with each file: the last event that it wrote about it.
SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha,
  arg_max(status, happened) AS status, arg_max(ingest->>'action', happened) AS action,
  arg_max(ingest->>'rule', happened) AS rule, arg_max((ingest->>'rows')::BIGINT, happened) AS rows,
  arg_max((ingest->>'attempt')::BIGINT, happened) AS attempt,
  arg_max({'text': coalesce(error_message, ingest->>'reason')}, happened).text AS reason
FROM (
  -- An end counts more than a beginning of the same moment.
  SELECT *, (pull_ts_utc, status <> 'PROCESSING') AS happened, meta::JSON->'ingest' AS ingest
  FROM ({{events}})
  WHERE target_backend = 'DELTA' AND json_valid(meta) AND (meta::JSON->>'$.ingest.run_id') = $run
)
GROUP BY ALL
ORDER BY source, target, path, sha
