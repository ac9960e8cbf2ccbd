-- DuckDB serialises nothing but statements that only read; that is the gate.
SELECT json_serialize_sql($sql::VARCHAR)::VARCHAR AS parsed
