SET VARIABLE {{scan}}_schema = (
  SELECT map(list(name), list({'name': name, 'type': type, 'default_value': NULL}))
  FROM (SELECT unnest($names) AS name, unnest($types) AS type)
)
