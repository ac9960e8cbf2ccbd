SELECT {{columns}} FROM {{table}}
