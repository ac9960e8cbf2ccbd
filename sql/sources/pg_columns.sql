SELECT attname AS name, attnotnull::text AS is_not_null
FROM pg_attribute
WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
