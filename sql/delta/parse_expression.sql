-- The syntax tree of an expression, which is parsed as it stands: parentheses around it would hide unbalanced ones in it.
SELECT json_serialize_sql('SELECT ' || $expression || chr(10))::VARCHAR AS parsed
