SELECT * FROM {{source}} AS source ANTI JOIN ({{known}}) AS known USING ({{id}})
