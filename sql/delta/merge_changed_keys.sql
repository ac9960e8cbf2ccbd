-- Keys for which the statement inserted, deleted or really changed a row.
CREATE OR REPLACE TEMP TABLE {{changed}} AS
SELECT {{keys}} FROM {{target}} AS a ANTI JOIN {{located}} AS b USING ({{keys}})
UNION
SELECT {{keys}} FROM {{located}} AS a ANTI JOIN {{target}} AS b USING ({{keys}})
UNION
SELECT {{keys_of_a}} FROM {{located}} AS a JOIN {{target}} AS b ON {{same_key}} WHERE ({{columns_of_a}}) IS DISTINCT FROM ({{columns_of_b}})
