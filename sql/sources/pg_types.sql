SELECT type.typtype::text AS typtype, type.typcategory::text AS category, format_type(wanted.oid, wanted.typmod) AS name
FROM unnest($1::oid[], $2::integer[]) WITH ORDINALITY AS wanted(oid, typmod, no)
JOIN pg_type AS type ON type.oid = wanted.oid
ORDER BY wanted.no
