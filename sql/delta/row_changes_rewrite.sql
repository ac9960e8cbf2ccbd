SELECT * FROM ({{kept}})
UNION ALL
SELECT * FROM ({{fresh}})
