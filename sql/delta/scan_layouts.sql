-- The column trees of data files (in depth-first order, the root first), each with the files that have it.
SELECT layout, to_json(list(file_name))::VARCHAR AS files
FROM (
  SELECT file_name,
    to_json(list(
      {'name': name, 'children': num_children, 'id': field_id, 'repetition': repetition_type, 'type': converted_type,
        'logical': logical_type, 'duckdb': duckdb_type}
      ORDER BY column_id
    ))::VARCHAR AS layout
  FROM parquet_schema(getvariable('{{scan}}_files'))
  GROUP BY file_name
)
GROUP BY layout
