-- Decision 2: a canonical row is a function of the set of its key's events, whatever order they came in.
-- Events are ordered by (pull time, path, event id). What a canonical row remembers of events folded earlier, and what a new
-- event says, have the same shape ("fact"), and all that is done with facts is min, max, or, and sum; so the result does
-- not depend on how the events were split over batches and runs. Aggregating text takes memory, so a large batch is folded
-- in slices of its keys.
INSERT INTO staged_manifest BY NAME
WITH event AS (
  SELECT *, strftime(pull_ts_utc, '%Y-%m-%dT%H:%M:%S.%fZ') || '#' || coalesce(file_path, '') || '#' || left(event_id, 16) AS order_key,
    status IN ('INGESTED', 'REPROCESSED') AS success
  FROM (
    SELECT event_id, ledger_key, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes,
      row_count_estimate, target_backend, dest_path, status, error_message, reprocess, meta
    FROM pending_event
    UNION ALL BY NAME
    SELECT event_id, ledger_key, file_sha, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes,
      row_count_estimate, target_backend, dest_path, status, error_message, reprocess, meta
    FROM incoming_manifest SEMI JOIN decided_event USING (seq)
  )
  WHERE hash(ledger_key) % $slices = $slice
),
fact AS (
  SELECT
    ledger_key AS manifest_id, file_sha,
    order_key AS first_event, order_key AS last_event, status,
    CASE WHEN status IN ('FAILED', 'RETRYING', 'QUARANTINED') THEN error_message END AS error_message,
    CASE WHEN success THEN order_key END AS first_success, CASE WHEN success THEN order_key END AS last_success,
    CASE WHEN reprocess THEN order_key END AS first_request, CASE WHEN reprocess THEN order_key END AS last_request,
    status = 'REPROCESSED' AS says_reprocessed,
    source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate, target_backend, dest_path, meta,
    NULL::JSON AS origins,
    1::BIGINT AS events, [left(event_id, 16)] AS event_ids
  FROM event
  UNION ALL BY NAME
  SELECT
    manifest_id, file_sha, first_event, last_event, status, error_message, first_success, last_success, first_request,
    last_request, says_reprocessed, source_repo, file_path, ingest_date, pull_ts_utc, size_bytes, row_count_estimate,
    target_backend, dest_path, meta, origins, events, event_ids
  FROM known_row
  WHERE hash(manifest_id) % $slices = $slice
),
-- Which event a value came from, for the values that fill gaps while nothing has succeeded.
traced AS (
  SELECT *,
    CASE WHEN source_repo IS NOT NULL THEN coalesce(origins->>'source_repo', first_event) END AS source_repo_at,
    CASE WHEN file_path IS NOT NULL THEN coalesce(origins->>'file_path', first_event) END AS file_path_at,
    CASE WHEN size_bytes IS NOT NULL THEN coalesce(origins->>'size_bytes', first_event) END AS size_bytes_at,
    CASE WHEN row_count_estimate IS NOT NULL THEN coalesce(origins->>'row_count_estimate', first_event) END AS row_count_estimate_at,
    CASE WHEN target_backend IS NOT NULL THEN coalesce(origins->>'target_backend', first_event) END AS target_backend_at,
    CASE WHEN dest_path IS NOT NULL THEN coalesce(origins->>'dest_path', first_event) END AS dest_path_at,
    CASE WHEN meta IS NOT NULL THEN coalesce(origins->>'meta', first_event) END AS meta_at
  FROM fact
),
folded AS (
  SELECT
    manifest_id, any_value(file_sha) AS file_sha,
    min(first_event) AS first_event, max(last_event) AS last_event,
    min(first_success) AS first_success, max(last_success) AS last_success,
    min(first_request) AS first_request, max(last_request) AS last_request,
    bool_or(says_reprocessed) AS says_reprocessed,
    arg_max({'status': status, 'error_message': error_message}, last_event) AS latest,
    -- Some success: the metadata of the earliest one, as it is.
    arg_min({'source_repo': source_repo, 'file_path': file_path, 'ingest_date': ingest_date, 'pull_ts_utc': pull_ts_utc,
      'size_bytes': size_bytes, 'row_count_estimate': row_count_estimate, 'target_backend': target_backend,
      'dest_path': dest_path, 'meta': meta}, first_success) AS success,
    -- No success: the earliest event, with its gaps filled from later ones.
    {'source_repo': arg_min(source_repo, source_repo_at), 'file_path': arg_min(file_path, file_path_at),
     'ingest_date': arg_min(ingest_date, first_event), 'pull_ts_utc': arg_min(pull_ts_utc, first_event),
     'size_bytes': arg_min(size_bytes, size_bytes_at),
     'row_count_estimate': arg_min(row_count_estimate, row_count_estimate_at),
     'target_backend': arg_min(target_backend, target_backend_at), 'dest_path': arg_min(dest_path, dest_path_at),
     'meta': arg_min(meta, meta_at)} AS attempt,
    {'source_repo': min(source_repo_at), 'file_path': min(file_path_at), 'size_bytes': min(size_bytes_at),
     'row_count_estimate': min(row_count_estimate_at), 'target_backend': min(target_backend_at),
     'dest_path': min(dest_path_at), 'meta': min(meta_at)} AS origin,
    sum(events)::BIGINT AS events,
    -- A list of ids is only worth keeping while it is complete and short.
    CASE WHEN bool_and(event_ids IS NOT NULL) AND sum(events) <= 32
         THEN list_sort(flatten(list(event_ids))) END AS event_ids
  FROM traced
  GROUP BY manifest_id
),
chosen AS (
  SELECT *, CASE WHEN first_success IS NULL THEN attempt ELSE success END AS metadata,
    CASE WHEN first_success IS NULL THEN {
      'source_repo': nullif(origin.source_repo, first_event), 'file_path': nullif(origin.file_path, first_event),
      'size_bytes': nullif(origin.size_bytes, first_event),
      'row_count_estimate': nullif(origin.row_count_estimate, first_event),
      'target_backend': nullif(origin.target_backend, first_event), 'dest_path': nullif(origin.dest_path, first_event),
      'meta': nullif(origin.meta, first_event)} END AS gaps
  FROM folded
)
SELECT
  manifest_id, file_sha,
  metadata.source_repo, metadata.file_path, metadata.ingest_date, metadata.pull_ts_utc, metadata.size_bytes,
  metadata.row_count_estimate, metadata.target_backend, metadata.dest_path,
  CASE WHEN first_success IS NULL THEN latest.status
       WHEN says_reprocessed OR coalesce(first_request < last_success, false) THEN 'REPROCESSED'
       ELSE 'INGESTED' END AS status,
  latest.error_message AS error_message,
  coalesce(last_request >= coalesce(last_success, ''), false) AS reprocess,
  CAST($now AS TIMESTAMPTZ) AS updated_at,
  -- The memory of the fold. Left out: what can be told from the rest.
  json_merge_patch(coalesce(metadata.meta, '{}')::JSON, to_json({'_ledger': {
    'last': last_event,
    'first': CASE WHEN first_success IS NULL THEN nullif(first_event, last_event) END,
    'first_success': nullif(first_success, last_event),
    'last_success': nullif(last_success, last_event),
    'first_request': first_request,
    'last_request': last_request,
    'reprocessed': CASE WHEN says_reprocessed THEN true END,
    'events': CASE WHEN events = 1 AND event_ids = [right(last_event, 16)] THEN NULL ELSE events END,
    'ids': CASE WHEN events = 1 AND event_ids = [right(last_event, 16)] THEN NULL ELSE event_ids END,
    'from': CASE WHEN coalesce(gaps.source_repo, gaps.file_path, gaps.size_bytes, gaps.row_count_estimate,
      gaps.target_backend, gaps.dest_path, gaps.meta) IS NOT NULL THEN gaps END
  }}))::VARCHAR AS meta
FROM chosen
