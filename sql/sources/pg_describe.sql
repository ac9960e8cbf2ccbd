SELECT {{columns}} FROM {{relation}} AS source LIMIT 0
