-- The server's clock, before anything else is looked at. A timestamp without zone may be meant in UTC or in the zone of the server: the earlier of both.
SELECT
  to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
  regexp_replace(to_char(utc, 'YYYY-MM-DD HH24:MI:SS.US'), '\.?0+$', '') || '+00' AS timestamptz,
  regexp_replace(to_char(least(utc, zoned), 'YYYY-MM-DD HH24:MI:SS.US'), '\.?0+$', '') AS timestamp,
  to_char(least(utc, zoned), 'YYYY-MM-DD') AS date,
  -- What a timestamp without zone may be behind UTC.
  extract(epoch FROM greatest(utc - zoned, '0'::interval))::bigint AS zone_seconds,
  current_setting('server_version') AS version,
  current_setting('server_version_num') AS version_number
FROM (
  SELECT statement_timestamp() AT TIME ZONE 'UTC' AS utc, statement_timestamp() AT TIME ZONE current_setting('TimeZone') AS zoned
) AS clock
