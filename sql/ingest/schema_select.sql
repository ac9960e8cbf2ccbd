SELECT {{columns}} FROM (SELECT {{values}} FROM ({{relation}})) WHERE {{kept}}
