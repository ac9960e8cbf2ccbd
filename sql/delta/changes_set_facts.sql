SET VARIABLE {{slot}}_facts = list_transform(
  list_zip($types, CAST($versions AS BIGINT[]), CAST($times AS TIMESTAMPTZ[])),
  lambda f: {'type': f[1], 'version': f[2], 'time': f[3]}
)
