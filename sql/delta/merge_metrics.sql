SELECT
  (SELECT count(*) FROM {{target}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}} ANTI JOIN {{located}} AS l USING ({{keys}})) AS inserted,
  (SELECT count(*) FROM {{target}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}} SEMI JOIN {{located}} AS l USING ({{keys}})) AS updated,
  (SELECT count(*) FROM {{located}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}} ANTI JOIN {{target}} AS t USING ({{keys}})) AS deleted,
  (SELECT count(*) FROM {{source}}) AS source
