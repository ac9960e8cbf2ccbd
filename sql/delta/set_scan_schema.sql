SET VARIABLE {{scan}}_schema = (
  SELECT map(list(column_name), list({'name': name, 'type': type, 'default_value': NULL}))
  FROM (SELECT unnest($columns) AS column_name, unnest($names) AS name, unnest($types) AS type)
)
