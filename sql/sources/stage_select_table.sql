SELECT _file_no, _row_no, {{columns}} FROM temp.{{table}}
