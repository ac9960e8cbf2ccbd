SELECT _file_no, {{examples}} FROM (SELECT {{values}} FROM ({{relation}})) WHERE {{misfit}} GROUP BY _file_no
