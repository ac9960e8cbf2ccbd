SELECT _file_no, {{columns}}, {{row_no}} AS _row_no, {{rescued}} AS _rescued_data FROM ingest_transformed
