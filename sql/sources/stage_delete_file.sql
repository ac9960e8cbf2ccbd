DELETE FROM temp.{{table}} WHERE _file_no = $no
