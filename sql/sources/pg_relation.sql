-- What a name stands for, and whether its row versions say which transaction wrote them: those of all its partitions and children.
WITH RECURSIVE tree AS (
  SELECT class.oid, class.relkind, class.relam, true AS is_root
  FROM pg_class AS class
  JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
  WHERE namespace.nspname = $1 AND class.relname = $2
  UNION
  SELECT class.oid, class.relkind, class.relam, false
  FROM tree
  JOIN pg_inherits AS child ON child.inhparent = tree.oid
  JOIN pg_class AS class ON class.oid = child.inhrelid
)
SELECT
  max(tree.oid::bigint) FILTER (WHERE is_root)::text AS oid,
  max(relkind::text) FILTER (WHERE is_root) AS kind,
  bool_and(relkind = 'p' OR (relkind IN ('r', 'm') AND coalesce(method.amname = 'heap', false)))::text AS has_ids
FROM tree
LEFT JOIN pg_am AS method ON method.oid = tree.relam
HAVING count(*) > 0
