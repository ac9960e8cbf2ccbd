SELECT number, v FROM (UNPIVOT (SELECT {{columns}} FROM ({{relation}}) LIMIT 1000) ON COLUMNS(*) INTO NAME number VALUE v)
