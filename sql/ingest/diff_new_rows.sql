SELECT {{columns}} FROM ({{rows}}) AS target WHERE _file_no = $file_no
