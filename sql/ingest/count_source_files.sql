-- How the files of each source and target stand, from events alone. A path counts by what happened to it last: skips that
-- left no event do not change that.
WITH event AS (
  SELECT source_repo AS source, dest_path AS target, file_path AS path, file_sha AS sha, status, reprocess, pull_ts_utc,
    from_json(meta, '{"ingest": {"seq": "BIGINT", "rule": "VARCHAR", "action": "VARCHAR", "run_id": "VARCHAR", "rows": "BIGINT",
      "next_retry_at": "VARCHAR", "business_date": "VARCHAR", "batch": "BIGINT", "replaced": ["VARCHAR"]}}').ingest AS ingest
  FROM ({{events}})
  WHERE target_backend = 'DELTA' AND json_valid(meta)
    AND (status IN ('INGESTED', 'REPROCESSED', 'PROCESSING') OR NOT reprocess)
),
-- The order of events as one number: what the decision saw, then the time, then ends after beginnings.
told AS MATERIALIZED (
  SELECT source, target, path, sha, status, pull_ts_utc, status IN ('INGESTED', 'REPROCESSED') AS success,
    ingest.seq::HUGEINT * 100000000000000000 + epoch_us(pull_ts_utc) * 2 + (status <> 'PROCESSING')::INTEGER AS place,
    ingest.rule AS rule, ingest.action AS action, ingest.run_id AS run, ingest.rows AS row_count,
    ingest.next_retry_at AS next_retry_at, ingest.business_date AS business_date, ingest.batch AS batch,
    ingest.replaced AS replaced
  FROM event
  WHERE ingest.seq IS NOT NULL
),
ended AS (
  SELECT * FROM told WHERE status <> 'PROCESSING'
),
-- A `replace` takes the rows of its own bytes and those it names (or else all) out of the target. A commit that was told
-- twice counts once.
replaced AS (
  SELECT load.source, load.target, load.path, load.place
  FROM ended AS load
  JOIN ended AS later USING (source, target, path)
  WHERE load.success AND later.success AND later.action = 'replace' AND later.place > load.place
    AND (later.replaced IS NULL OR later.sha = load.sha OR list_contains(later.replaced, load.sha))
),
loaded AS (
  SELECT source, target, path, sha, batch, any_value(row_count) AS row_count
  FROM ended
  ANTI JOIN replaced USING (source, target, path, place)
  WHERE success
  GROUP BY ALL
),
last_end AS (
  SELECT source, target, path, arg_max(status, place) AS status, arg_max(rule, place) AS rule,
    arg_max({'due': next_retry_at}, place).due AS due
  FROM ended
  GROUP BY ALL
),
open AS (
  SELECT source, target, path, sha, run FROM told GROUP BY ALL HAVING arg_max(status, place) = 'PROCESSING'
)
SELECT source, target,
  coalesce(paths, 0)::BIGINT AS files,
  coalesce(row_count, 0)::BIGINT AS row_count,
  coalesce(waiting, 0)::BIGINT AS waiting,
  coalesce(failed, 0)::BIGINT AS failed,
  coalesce(dead_letter, 0)::BIGINT AS dead_letter,
  coalesce(held, 0)::BIGINT AS held,
  coalesce(in_progress, 0)::BIGINT AS in_progress,
  next_retry_at, last_success, last_run_id, newest_business_date, last_event
FROM (
  SELECT source, target, max(pull_ts_utc) AS last_event,
    max(pull_ts_utc) FILTER (success) AS last_success, arg_max(run, place) FILTER (success) AS last_run_id,
    max(business_date) FILTER (success) AS newest_business_date
  FROM told
  GROUP BY ALL
)
LEFT JOIN (
  SELECT source, target, count(DISTINCT path) AS paths, sum(row_count) AS row_count FROM loaded GROUP BY ALL
) USING (source, target)
LEFT JOIN (
  SELECT source, target,
    count(*) FILTER (status IN ('FAILED', 'RETRYING') AND due IS NOT NULL) AS waiting,
    count(*) FILTER (status IN ('FAILED', 'RETRYING') AND due IS NULL AND rule = 'dead_letter') AS dead_letter,
    count(*) FILTER (status IN ('FAILED', 'RETRYING') AND due IS NULL AND rule IS DISTINCT FROM 'dead_letter') AS failed,
    count(*) FILTER (status = 'QUARANTINED') AS held,
    min(due) FILTER (status IN ('FAILED', 'RETRYING')) AS next_retry_at
  FROM last_end
  GROUP BY ALL
) USING (source, target)
LEFT JOIN (
  SELECT source, target, count(*) AS in_progress FROM open GROUP BY ALL
) USING (source, target)
ORDER BY source, target
