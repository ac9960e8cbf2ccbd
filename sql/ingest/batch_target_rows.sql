SELECT * EXCLUDE (_file_no) FROM ({{rows}}) AS target
