SELECT {{no}}::INTEGER AS _file_no, file_row_number + 1 AS _row_no, {{columns}} FROM {{copy}}
