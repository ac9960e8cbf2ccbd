SELECT DISTINCT _file_index AS file_index FROM {{located}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}} ORDER BY 1
