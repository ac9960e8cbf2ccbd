SELECT _file_no, line, column_name, error, text FROM temp.{{table}}
