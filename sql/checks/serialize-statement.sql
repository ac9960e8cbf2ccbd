-- The parse tree of $sql as JSON, without binding or running anything; DuckDB does this for SELECT statements only.
SELECT json_serialize_sql(CAST($sql AS VARCHAR), skip_default := true, skip_null := true) AS tree;
