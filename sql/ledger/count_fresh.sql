SELECT count(*) AS fresh FROM {{source}} AS source ANTI JOIN ({{known}}) AS known USING ({{id}})
