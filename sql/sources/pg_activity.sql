-- Transactions of others in this database that are open now. Everybody sees the lock that each transaction has on itself; when it began is hidden
-- from those who may not know, and nobody knows it of prepared ones. Sessions of this program only read: without a transaction id they commit nothing.
SELECT
  pg_snapshot_xmax(pg_current_snapshot())::text AS next_id,
  coalesce(json_agg(pid ORDER BY pid) FILTER (WHERE pid IS NOT NULL), '[]')::text AS pids,
  regexp_replace(to_char(min(xact_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '\.?0+$', '') || '+00' AS started,
  (count(pid) > count(xact_start))::text AS is_hidden,
  (SELECT coalesce(json_agg(gid), '[]')::text FROM pg_prepared_xacts WHERE database = current_database()) AS prepared
FROM (
  SELECT DISTINCT activity.pid, activity.xact_start
  FROM pg_locks AS lock
  JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
  WHERE lock.locktype = 'virtualxid' AND lock.mode = 'ExclusiveLock' AND lock.granted
    AND activity.datname = current_database()
    AND activity.pid <> pg_backend_pid()
    -- Those of the server itself (autovacuum) write no rows.
    AND activity.usesysid IS NOT NULL
    AND NOT (activity.application_name = 'lakeledger' AND activity.usename = session_user AND activity.backend_xid IS NULL)
) AS open
