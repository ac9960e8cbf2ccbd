-- The names in a schema; without one those that need none.
SELECT class.relname AS name
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND CASE WHEN $1 = '' THEN namespace.nspname = ANY (current_schemas(false)) ELSE namespace.nspname = $1 END
