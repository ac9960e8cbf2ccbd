-- The first statement of the transaction: its snapshot is that of all the others.
SELECT
  pg_snapshot_xmin(pg_current_snapshot())::text AS xmin,
  pg_snapshot_xmax(pg_current_snapshot())::text AS xmax,
  pg_is_in_recovery()::text AS is_replica,
  (SELECT coalesce(json_agg(gid), '[]')::text FROM pg_prepared_xacts WHERE database = current_database()) AS prepared
