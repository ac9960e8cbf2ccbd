-- Copy-on-write: the untouched rows of the touched files, and the new state of the changed keys.
SELECT {{columns}} FROM ({{relation}}) AS a ANTI JOIN {{changed}} AS b USING ({{keys}})
UNION ALL
SELECT {{columns}} FROM {{target}} AS a SEMI JOIN {{changed}} AS b ON {{same_key}}
